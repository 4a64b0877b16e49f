-- Reads the outcome of an append by its idempotency key, as another append with this key would find it.
--
-- KEYS
--   1-3    T:k:<room>/0, /1 and /2, the idempotency keys
-- ARGV
--   1-3    see prelude.lua; not used
--   4      the epoch that the event is for; its own part counts
--   5      a letter and the key, as for append.lua
-- Reply
--   {'stored', number}, {'none'} if no key counts, or {'forgotten'} if the key may have been forgotten
-- Writes nothing.

local mark, now = string.sub(ARGV[5], 1, 1), present_time()
local value = values_of_keys(1, { string.sub(ARGV[5], 2) }, mark ~= 'u', now)[1]
local event = value and number_of_key(value, ARGV[4], mark, now)
if event then
    return { 'stored', event }
end
return { mark == 'x' and 'forgotten' or 'none' }
