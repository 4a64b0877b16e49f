-- Replaces the texts of events. Their numbers and places stay. Works without free memory.
--
-- KEYS
--   1      T:m:<room>, the metadata
--   2      T:log, the change log
--   then   T:e:<room>/<type>, the events of a type
-- ARGV
--   1-3    see prelude.lua
--   4      the epoch that the events are of; its own part counts
--   5, 6   the room's id and its channel
--   then   per event: the index of its type among the keys from 1, its number, and the frame that remains
-- Reply
--   {'ok', answers}   one letter per event: 'e' it was erased now, 'a' it had this text already, 'n' there is no such event
--   {'gone'}          this incarnation of the room does not exist, or has no events
-- Publishes '1 x <epoch> <position> <count> <number> …\n' with the numbers of the events that were erased now, in this
-- order. <count> is how many events of the incarnation were erased so far. The field `x` of the metadata has that, too, and the
-- numbers of the last ones.

local meta, log, room = KEYS[1], KEYS[2], ARGV[5]

-- Read and check.
-- How many numbers the metadata keeps: more than one call erases.
local MOST = 250

local found = call('HMGET', meta, 'epoch', 'x')
local epoch, count, latest = found[1], 0, {}
if not epoch or string.match(epoch, '^[^.]*') ~= string.match(ARGV[4], '^[^.]*') then
    return { 'gone' }
end
call('XLEN', log)
if found[2] then
    for text in string.gmatch(found[2], '%S+') do
        latest[#latest + 1] = decimal(number(meta, text))
    end
    count = number(meta, table.remove(latest, 1))
end
local answers, changes, erased = {}, {}, {}
for at = 7, #ARGV, 3 do
    local list, event = KEYS[2 + ARGV[at]], tonumber(ARGV[at + 1])
    local index = index_of(list, call('LLEN', list), event)
    local entry = index >= 0 and call('LINDEX', list, index)
    local answer = 'n'
    if entry and numbers_of(list, entry) == event then
        local head, bytes, start = string.match(entry, '^(%d+ %d+ (%d+)\n)()')
        local text = string.sub(entry, 1, start - 1 + tonumber(bytes)) .. ARGV[at + 2]
        answer = text == entry and 'a' or 'e'
        if answer == 'e' then
            changes[#changes + 1] = { list, index, text }
            erased[#erased + 1] = decimal(event)
        end
    end
    answers[#answers + 1] = answer
end

-- Write. The first write is one that Redis allows when it is out of memory, and then the rest of the script too.
if #changes > 0 then
    call('EXPIRE', meta, KEEP_ROOM)
    for _, change in ipairs(changes) do
        call('LSET', unpack(change))
    end
    count = decimal(count + #erased)
    for _, event in ipairs(erased) do
        latest[#latest + 1] = event
    end
    call('HSET', meta, 'x', count .. ' ' .. table.concat(latest, ' ', math.max(1, #latest - MOST + 1)))
    local head = { '1 x', epoch, note_change(log, room), count }
    call(publish_command, ARGV[6], table.concat(head, ' ') .. ' ' .. table.concat(erased, ' ') .. '\n')
end
return { 'ok', table.concat(answers) }
