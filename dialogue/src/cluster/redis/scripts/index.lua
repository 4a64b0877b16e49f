-- Reads some of the rooms that a partition knows by id: those that were created, and those that stay deleted.
--
-- KEYS
--   1      T:rooms
-- ARGV
--   1-3    see prelude.lua; not used
--   4      the cursor: '0' to begin, later the one of the reply before
--   5      about how many rooms are read
-- Reply
--   {cursor, room, record, …}   the next cursor, '0' at the end, and each room with its record
-- A room may come twice. A room that is there from the beginning to the end comes for sure. Writes nothing.

local found = call('HSCAN', KEYS[1], ARGV[4], 'COUNT', ARGV[5])
return { found[1], unpack(found[2]) }
