-- Reads the present incarnations of rooms of one partition.
--
-- KEYS
--   1      T:rooms, the rooms that were created or deleted
--   then   T:m:<room>, the metadata of each room, at most 1,000
-- ARGV
--   1-3    see prelude.lua; not used
--   then   the ids of the rooms
-- Reply
--   {room, …}  in their order. room: {own, record}. own: own part of the epoch, empty if there is no metadata.
--   record: what T:rooms has: 'c <own> <what the node stored>' for a created room, 'd <own>' for one that stays deleted, or
--   empty. {'foreign'}: the metadata is not ours.
-- Writes nothing.

local reply = {}
for index = 2, #KEYS do
    local epoch = redis.pcall('HGET', KEYS[index], 'epoch')
    if type(epoch) == 'table' and not string.find(epoch.err, '^WRONGTYPE') then
        return epoch
    elseif type(epoch) == 'table' then
        reply[index - 1] = { 'foreign' }
    else
        reply[index - 1] = { string.match(epoch or '', '^[^.]*'), call('HGET', KEYS[1], ARGV[index + 2]) or '' }
    end
end
return reply
