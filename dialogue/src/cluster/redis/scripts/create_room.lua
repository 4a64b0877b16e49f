-- Creates a room. Its incarnation has no events. An on-demand room with this id ends.
--
-- KEYS
--   1      T:m:<room>, the metadata
--   2      T:log, the change log
--   3      T:rooms, the rooms that were created or deleted
--   then   T:e:<room>/<type>, one key per type, in the order of the types below
--   last   T:k:<room>/0, /1 and /2, the idempotency keys
-- ARGV
--   1-3    see prelude.lua
--   4      own part of the epoch, if the room has no metadata
--   5      own part of the new epoch: random, never used before. The same if the call is repeated
--   6, 7   the room's id and its channel
--   8      T:c, the channel of the partition
--   9      what the node wants to know of the room
--   then   the names of types
-- Reply
--   {'ok', epoch}         the room was created, now or by this call before. '<own>.' if it has lost its metadata since
--   {'exists'}            there is a created room with this id
--   {'types', name, …}    the types of the room that are missing among the types above. Nothing was changed
-- T:rooms then has 'c <own> <ARGV 9>' for the room. Publishes '1 d <own> <position>\n' for the former incarnation on the
-- room's channel, and '1 c <room> <own> <position>\n' on the partition's.

local meta, log, rooms = KEYS[1], KEYS[2], KEYS[3]
local own, room = ARGV[5], ARGV[6]

local found, former, missing = inspect(meta, log, rooms, ARGV[4], ARGV, 10)
local kind, created = string.match(call('HGET', rooms, room) or '', '^(%a) (%S+)')
if kind == 'c' and created == own then
    return { 'ok', former == own and found.epoch or own .. '.' }
elseif kind == 'c' then
    return { 'exists' }
elseif missing then
    return missing
end

-- The first write: unlike the deletion of a room, its creation needs memory.
call('HSET', rooms, room, 'c ' .. own .. ' ' .. ARGV[9])
local position = begin(meta, log, room, found, KEYS, 4, own)
call(publish_command, ARGV[7], '1 d ' .. former .. ' ' .. position .. '\n')
call(publish_command, ARGV[8], '1 c ' .. room .. ' ' .. own .. ' ' .. position .. '\n')
return { 'ok', own .. '.' .. fresh }
