-- Reads some names of the lists with events that a server has. Once the cursor is 0 again, each list was named that was there
-- all the time, perhaps more than once.
--
-- KEYS
--   1      T:log of a partition of the server; not used
-- ARGV
--   1-3    see prelude.lua; not used
--   4      the cursor: 0 to begin with, then the one of the reply before
--   5      the pattern of the names
--   6      how many keys Redis looks at, about
-- Reply
--   {cursor, name, …}
-- Writes nothing.

local found = call('SCAN', ARGV[4], 'MATCH', ARGV[5], 'COUNT', ARGV[6], 'TYPE', 'list')
return { found[1], unpack(found[2]) }
