-- Reads the numbers of the events of one type that a user has sent in a room, oldest first. Erased ones are among them.
--
-- KEYS
--   1      T:m:<room>, the metadata
--   2      T:e:<room>/<type>, the events
-- ARGV
--   1-3    see prelude.lua; not used
--   4      the user
--   5      only events with higher numbers
--   6, 7   the most events that are looked at, and the most numbers
-- Reply
--   {'ok', own, next, number, …}   own: own part of the room's epoch. next: the last event that was looked at, or 0 if there are
--   no more
--   {'gone'}                       the room has no metadata, so that it has no events
-- Writes nothing.

local meta, list, user = KEYS[1], KEYS[2], ARGV[4]
local most, limit = tonumber(ARGV[6]), tonumber(ARGV[7])
local epoch = call('HGET', meta, 'epoch')
if not epoch then
    return { 'gone' }
end
local length = call('LLEN', list)
local first = index_of(list, length, tonumber(ARGV[5])) + 1
local reply = { 'ok', string.match(epoch, '^[^.]*'), '0' }
for index, entry in ipairs(call('LRANGE', list, first, first + most - 1)) do
    local event, bytes, start = string.match(entry, '^(%d+) %d+ (%d+)\n()')
    if string.sub(entry, start or 1, (start or 1) - 1 + number(list, bytes)) == user then
        reply[#reply + 1] = event
    end
    if first + index < length then
        reply[3] = event
    else
        reply[3] = '0'
    end
    if #reply - 3 >= limit then
        break
    end
end
return reply
