-- Reads events of a room, newest first: for a window, a page, or everything after a position.
--
-- KEYS
--   1      T:m:<room>, the metadata
--   2      T:log, the change log
--   then   T:e:<room>/<type>, the events of a type: one key per type, in the order of the types below
-- ARGV
--   1-3    see prelude.lua
--   4      own part of the epoch, if the room has no metadata
--   5, 6   the epoch that the node knows ('<own>.' if it knows no generation), and the highest number seen in it
--   7, 8   the room's id and its channel
--   9      'renew' or empty: extends the lifetime of the events. A room that is in use needs it once an hour
--   10     'all' or empty: answer 'types' if the room has a type that is not among those below
--   11     empty, or a number: everything after it is wanted. If that is impossible, answer 'lost'
--   12     empty, or a number: nothing above it is wanted
--   13, 14 the most events and the most bytes of entries in the reply. One event always fits
--   then   per type: its name, and the most events of it
-- Reply
--   {'ok', epoch, seq, type, …}   seq: the room's last number. For each type:
--   type: {name, last, mark, older, entry, …}  last: the last number of this type. mark: its number before the entries
--   (see entries.lua), 0 if there is none. older: without ARGV 11, 1 if that event is still there, 0 if it is gone.
--   {'lost', epoch, seq}          some of it is gone, or it is more than the bounds allow
--   {'types', name, …}            the types that are missing among the types above. Nothing was read
--   {'gone'}                      this incarnation of the room does not exist
-- On a server that refuses writes, the call fails if the room needs a new epoch or 'renew' is said. Otherwise it works.

-- How many entries of a list are read at once.
local CHUNK = 32

local meta, log = KEYS[1], KEYS[2]
local after, through = tonumber(ARGV[11]), tonumber(ARGV[12]) or HIGHEST
local floor = after or 0
local most_events, most_bytes = tonumber(ARGV[13]), tonumber(ARGV[14])

-- Finds the entry that `type.expected` names, the head of its type. There is none if it is gone, or not wanted.
local function advance(type)
    type.head = nil
    if type.expected <= floor or type.index < 0 then
        return
    end
    if not type.chunk or type.chunk_index < 1 then
        local from = math.max(type.index - CHUNK + 1, 0)
        type.chunk = call('LRANGE', type.list, from, type.index)
        type.chunk_index = #type.chunk
    end
    local event, before = numbers_of(type.list, type.chunk[type.chunk_index])
    if event == type.expected then
        type.head, type.before = type.chunk[type.chunk_index], before
    end
end

local function step(type)
    type.expected, type.index, type.chunk_index = type.before, type.index - 1, type.chunk_index - 1
    advance(type)
end

-- Read and check.
local found, last_of = {}, {}
local fields = call('HGETALL', meta)
for index = 1, #fields, 2 do
    local field, value = fields[index], fields[index + 1]
    found[field] = value
    if string.sub(field, 1, 2) == 't:' then
        last_of[string.sub(field, 3)] = number(meta, value)
    end
end
found = { found.epoch, found.run, found.seq }
local epoch, seq, is_new_epoch = identify(meta, found, ARGV[4], ARGV[5], tonumber(ARGV[6]))
if not epoch then
    return { 'gone' }
end

local types, unknown = {}, { 'types' }
for index = 3, #KEYS do
    local name, most = ARGV[9 + 2 * index], tonumber(ARGV[10 + 2 * index])
    local list, last = KEYS[index], last_of[name] or 0
    last_of[name] = nil
    local length = call('LLEN', list)
    local type = { list = list, most = most, index = length - 1, expected = last, reply = { name, decimal(last) } }
    if last > through then
        type.index = index_of(list, length, through)
        -- The entry above `through` names the newest one that is not above it.
        local above = call('LINDEX', list, type.index + 1)
        if above then
            local event, before = numbers_of(list, above)
            type.expected = before
        end
    end
    if most > 0 then
        advance(type)
    end
    types[index - 2] = type
end
for name in pairs(last_of) do
    unknown[#unknown + 1] = name
end
if ARGV[10] ~= '' and #unknown > 1 then
    return unknown
end

-- Take the newest of all heads, as long as there is space.
local taken, bytes = 0, 0
while true do
    local newest
    for _, type in ipairs(types) do
        local is_wanted = type.head and #type.reply - 2 < type.most
        if is_wanted and not (newest and newest.expected > type.expected) then
            newest = type
        end
    end
    if not newest then
        break
    end
    taken, bytes = taken + 1, bytes + #newest.head
    if taken > 1 and (taken > most_events or bytes > most_bytes) then
        break
    end
    newest.reply[#newest.reply + 1] = newest.head
    step(newest)
end

-- Write.
if is_new_epoch then
    renew(meta, log, ARGV[7], ARGV[8], epoch, seq)
end
if ARGV[9] ~= '' then
    call('EXPIRE', meta, KEEP_ROOM)
    for index = 3, #KEYS do
        call('EXPIRE', KEYS[index], KEEP_EVENTS)
    end
end

local reply = { 'ok', epoch, decimal(seq) }
for _, type in ipairs(types) do
    if after and type.most > 0 and type.expected > floor then
        return { 'lost', reply[2], reply[3] }
    end
    table.insert(type.reply, 3, decimal(type.expected))
    table.insert(type.reply, 4, type.head and 1 or 0)
    reply[#reply + 1] = type.reply
end
return reply
