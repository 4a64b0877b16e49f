-- Reads the positions of rooms of one partition. Gives each room a new epoch that needs one.
--
-- KEYS
--   1      T:log, the change log
--   then   T:m:<room>, the metadata of each room
-- ARGV
--   1-3    see prelude.lua
--   4      'renew' or empty: extends the lifetime of the metadata. A room that is in use needs it once an hour
--   then   per room: its id, its channel, its own part of the epoch if it has no metadata, the own part that the node
--          expects (empty: any), the generation that the node knows (may be empty), the highest number seen in it
-- Reply
--   {'ok', position, room, …}   the newest position in the change log ('0-0' if there is none), and for each room
--   room: {'ok', own, gen, seq, type, last number of the type, …}, {'gone', own} if the node expects another
--   incarnation, or {'foreign'} if the metadata is not ours
-- On a server that refuses writes, the call fails if a room needs a new epoch or 'renew' is said. Otherwise it works.

local log = KEYS[1]
local newest = call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]

local function read(meta, first, expected, known, seen)
    local found, types = {}, {}
    local fields = call('HGETALL', meta)
    for index = 1, #fields, 2 do
        local field, value = fields[index], fields[index + 1]
        found[field] = value
        if string.sub(field, 1, 2) == 't:' then
            types[#types + 1] = string.sub(field, 3)
            types[#types + 1] = value
        end
    end
    found = { found.own, found.gen, found.run, found.seq }
    local own, gen, seq, is_new_epoch = identify(meta, found, first, known, seen)
    if expected ~= '' and own ~= expected then
        return { 'gone', own }
    end
    return { 'ok', own, gen, decimal(seq), unpack(types) }, is_new_epoch and seq
end

local rooms, new_epochs = {}, {}
for index = 2, #KEYS do
    local at = 6 * index - 7
    local is_ours, room, seq = pcall(read, KEYS[index], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], tonumber(ARGV[at + 5]))
    rooms[index - 1] = is_ours and room or { 'foreign' }
    new_epochs[index] = is_ours and seq
end

for index = 2, #KEYS do
    local room, at = rooms[index - 1], 6 * index - 7
    if new_epochs[index] then
        renew(KEYS[index], log, ARGV[at], ARGV[at + 1], room[2], room[3], new_epochs[index])
    elseif ARGV[4] ~= '' and room[1] == 'ok' then
        call('EXPIRE', KEYS[index], KEEP_ROOM)
    end
end
return { 'ok', newest and newest[1] or '0-0', unpack(rooms) }
