-- Reads which rooms of a partition have changed since a position of the change log.
--
-- KEYS
--   1      T:log, the change log
-- ARGV
--   1-3    see prelude.lua; not used
--   4      the position, or empty to learn the newest one
--   5      the most changes that are read
-- Reply
--   {'ok', position, room, position of its last change, …}   the newest position, and each room that has changed since
--   {'old', position}   there are too many changes, or the log does not reach back, or it is another one. Each room of the
--   partition may have changed
-- Positions are '<ms>-<number>' and increase. Writes nothing.

local log, since, most = KEYS[1], ARGV[4], tonumber(ARGV[5])
local newest = call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
newest = newest and newest[1] or '0-0'
if since == '' or since == newest then
    return { 'ok', newest }
end

-- The log reaches back if it still has the change at `since` itself.
local changes = call('XRANGE', log, since, '+', 'COUNT', most + 2)
if #changes == 0 or changes[1][1] ~= since or #changes > most + 1 then
    return { 'old', newest }
end
local reply, position_of = { 'ok', newest }, {}
for index = #changes, 2, -1 do
    local position, room = changes[index][1], changes[index][2][2]
    if not position_of[room] then
        position_of[room] = position
        reply[#reply + 1] = room
        reply[#reply + 1] = position
    end
end
return reply
