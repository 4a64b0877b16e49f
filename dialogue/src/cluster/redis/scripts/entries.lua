-- Joined in front of the scripts that read entries, after prelude.lua.
--
-- T:e:<room>/<type> is a list. An entry is '<number> <number of the event of its type before> <bytes of sender>\n<sender>
-- <frame>', without the last space. Each entry names the one before, so a missing one shows, whatever removed it.

-- The number of an entry, and the one before it.
local function numbers_of(list, entry)
    local event, before = string.match(entry, '^(%d+) (%d+) ')
    return number(list, event), number(list, before)
end

-- The index of the newest of `length` entries whose number is at most `through`, or -1.
local function index_of(list, length, through)
    local low, high = -1, length - 1
    while low < high do
        local middle = math.floor((low + high + 1) / 2)
        if numbers_of(list, call('LINDEX', list, middle)) <= through then
            low = middle
        else
            high = middle - 1
        end
    end
    return low
end
