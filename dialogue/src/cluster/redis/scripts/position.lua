-- Reads the positions of rooms of one partition. Gives each room a new epoch that needs one.
--
-- KEYS
--   1      T:log, the change log
--   then   T:m:<room>, the metadata of each room, at most 1,000
-- ARGV
--   1-3    see prelude.lua
--   4      'renew' or empty: extends the lifetime of the metadata. A room that is in use needs it once an hour
--   then   per room: its id, its channel, its own part of the epoch if it has no metadata, the epoch that the node knows
--          ('<own>.' if it knows no generation, empty for any incarnation), and the highest number seen in it
-- Reply
--   {'ok', position, room, …}   the newest position in the change log ('0-0' if there is none), and for each room
--   room: {'ok', epoch, seq, erasures, type, last number of the type, …}, {'gone'} if the node knows another incarnation, or
--   {'foreign'} if the metadata is not ours. erasures: what erase.lua keeps, '<count> <number> …', empty if there is none
-- On a server that refuses writes, the call fails if a room needs a new epoch or 'renew' is said. Otherwise it works.

local log = KEYS[1]
local newest = call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]

-- Returns the reply for a room, and its last number if its epoch is a new one.
local function read(meta, first, known, seen)
    local found, types = {}, {}
    local fields = call('HGETALL', meta)
    for index = 1, #fields, 2 do
        local field, value = fields[index], fields[index + 1]
        found[field] = value
        if string.sub(field, 1, 2) == 't:' then
            types[#types + 1] = string.sub(field, 3)
            types[#types + 1] = decimal(number(meta, value))
        end
    end
    if found.x and not string.match(found.x, '^%d+[%d ]*$') then
        foreign(meta)
    end
    local epoch, seq, is_new_epoch = identify(meta, { found.epoch, found.run, found.seq }, first, known, seen)
    if not epoch then
        return { 'gone' }
    end
    return { 'ok', epoch, decimal(seq), found.x or '', unpack(types) }, is_new_epoch and seq
end

local rooms, renewed = {}, {}
for index = 2, #KEYS do
    local at = 5 * index - 5
    local is_read, room, seq = pcall(read, KEYS[index], ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 4]))
    if is_read then
        rooms[index - 1], renewed[index] = room, seq
    else
        -- Some versions of Redis give a text here, others a table.
        local text = type(room) == 'table' and room.err or room
        if not (string.find(text, 'WRONGTYPE', 1, true) or string.find(text, 'FOREIGN', 1, true)) then
            error(room)
        end
        rooms[index - 1] = { 'foreign' }
    end
end

for index = 2, #KEYS do
    local room, at = rooms[index - 1], 5 * index - 5
    if renewed[index] then
        renew(KEYS[index], log, ARGV[at], ARGV[at + 1], room[2], renewed[index])
    elseif ARGV[4] ~= '' and room[1] == 'ok' then
        call('EXPIRE', KEYS[index], KEEP_ROOM)
    end
end
return { 'ok', newest and newest[1] or '0-0', unpack(rooms) }
