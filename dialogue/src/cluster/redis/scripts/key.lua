-- Joined in front of the scripts that use idempotency keys, after prelude.lua.
--
-- A room's keys are in the hashes T:k:<room>/0, /1 and /2: one hash for 5 minutes, in turn. A hash expires 10 s before its
-- next turn, so a key is kept for at least 590 s. Its field is what the node makes of user and key. Its value is
-- '<own part of the epoch> <number of the event> <ms since 1970>'.

-- How long a turn lasts, in ms.
local TURN = 300000

-- The present time in ms since 1970.
local function present_time()
    local time = call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The values of fields that may count. The newest one, if a field is in several hashes. The hashes are those KEYS from
-- `first` on. Without a marked repetition, only the last 2 minutes matter.
local function values_of_keys(first, fields, is_marked, now)
    local values = {}
    local oldest = is_marked and 2 or now % TURN < 120000 and 1 or 0
    for age = 0, oldest do
        local hash = KEYS[first + (math.floor(now / TURN) - age) % 3]
        for index, value in ipairs(call('HMGET', hash, unpack(fields))) do
            values[index] = values[index] or value
        end
    end
    return values
end

-- The number of the event that was stored with a key, as text, if the key counts: for 2 minutes, or as long as it is kept
-- if `mark` says that the event is a marked repetition. A key of another incarnation never counts.
local function number_of_key(value, epoch, mark, now)
    local own, event, at = string.match(value, '^(%S+) (%d+) (%d+)$')
    if own == string.match(epoch, '^[^.]*') and (mark ~= 'u' or now - at < 120000) then
        return event
    end
end
