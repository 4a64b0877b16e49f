-- Joined in front of the scripts that begin a new incarnation of a room, after prelude.lua.

-- Reads the metadata of a room, and checks everything that `begin` will write. Returns its fields, its own part of the
-- epoch, and the answer 'types' if the room has a type that is not among `known`, a list that begins at `from`.
local function inspect(meta, log, rooms, first, known, from)
    local found, missing, is_known = {}, { 'types' }, {}
    for index = from, #known do
        is_known[known[index]] = true
    end
    local fields = call('HGETALL', meta)
    for index = 1, #fields, 2 do
        local name = string.match(fields[index], '^t:(.*)$')
        if name and not is_known[name] then
            missing[#missing + 1] = name
        end
        found[fields[index]] = fields[index + 1]
    end
    call('XLEN', log)
    call('HLEN', rooms)
    return found, string.match(found.epoch or first, '^[^.]*'), #missing > 1 and missing
end

-- Removes the events and keys of a room, and begins its incarnation `own`. Keeps the answers to nodes: a batch of the former
-- incarnation may be sent again.
local function begin(meta, log, room, found, lists, from, own)
    -- Redis allows this when it is out of memory, and then the rest of the script too.
    for index = from, #lists do
        call('UNLINK', lists[index])
    end
    for field in pairs(found) do
        if string.sub(field, 1, 2) == 't:' or field == 'x' then
            call('HDEL', meta, field)
        end
    end
    call('HSET', meta, 'epoch', own .. '.' .. fresh, 'run', server, 'seq', '0')
    call('EXPIRE', meta, KEEP_ROOM)
    return note_change(log, room)
end
