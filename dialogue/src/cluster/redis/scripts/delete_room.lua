-- Deletes exactly one incarnation of a room, with its events. The next one has another epoch. Works without free memory.
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
--   5      own part of the next epoch: random, never used before. The same if the call is repeated
--   6, 7   the room's id and its channel
--   8      T:c, the channel of the partition
--   9      own part of the epoch that is deleted
--   10     'stays': there is no next incarnation before create_room.lua; 'unused <n>': only if at most n connections are
--          subscribed to the room's channel; or empty
--   then   the names of types
-- Reply
--   {'ok'}                the incarnation was deleted, now or by this call before
--   {'gone'}              it does not exist
--   {'used'}              more connections are subscribed. Nothing was changed
--   {'types', name, …}    the types of the room that are missing among the types above. Nothing was changed
-- T:rooms then has 'd <own of the next epoch>' for a room that stays deleted, else nothing. Publishes
-- '1 d <own> <position>\n' on the room's channel, and '1 d <room> <own> <position>\n' on the partition's.

local meta, log, rooms = KEYS[1], KEYS[2], KEYS[3]
local next_own, room, own = ARGV[5], ARGV[6], ARGV[9]

local found, present, missing = inspect(meta, log, rooms, ARGV[4], ARGV, 11)
if present == next_own then
    return { 'ok' }
elseif present ~= own then
    return { 'gone' }
end
local allowed = tonumber(string.match(ARGV[10], '^unused (%d+)$'))
if allowed then
    local ask = publish_command == 'SPUBLISH' and 'SHARDNUMSUB' or 'NUMSUB'
    if call('PUBSUB', ask, ARGV[7])[2] > allowed then
        return { 'used' }
    end
end
if missing then
    return missing
end

local position = begin(meta, log, room, found, KEYS, 4, next_own)
if ARGV[10] == 'stays' then
    call('HSET', rooms, room, 'd ' .. next_own)
else
    call('HDEL', rooms, room)
end
call(publish_command, ARGV[7], '1 d ' .. own .. ' ' .. position .. '\n')
call(publish_command, ARGV[8], '1 d ' .. room .. ' ' .. own .. ' ' .. position .. '\n')
return { 'ok' }
