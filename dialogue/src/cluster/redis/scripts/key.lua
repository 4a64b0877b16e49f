-- Joined in front of the scripts that use idempotency keys, after prelude.lua.
--
-- A key has the value '<own part of the epoch> <number of the event> <ms since 1970>'. It is kept for 10 minutes.

-- The present time in ms since 1970.
local function present_time()
    local time = call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The number of the event that was stored with a key, as text, if the key counts: for 2 minutes, or as long as it is kept
-- if `mark` says that the event is a marked repetition. A key of another incarnation never counts.
local function number_of_key(value, epoch, mark, now)
    local own, event, at = string.match(value, '^(%S+) (%d+) (%d+)$')
    if own == string.match(epoch, '^[^.]*') and (mark ~= 'u' or now - at < 120000) then
        return event
    end
end
