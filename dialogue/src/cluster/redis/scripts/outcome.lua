-- Reads the outcome of an append by its idempotency key, as another append with this key would find it.
--
-- KEYS
--   1      T:k:<room>/<sha1>
-- ARGV
--   1-3    see prelude.lua; not used
--   4      the epoch that the event is for; its own part counts
--   5      'u', 'm' or 'x', as for append.lua
-- Reply
--   {'stored', number}, {'none'} if no key counts, or {'forgotten'} if the key may have been forgotten
-- Writes nothing.

local value = call('GET', KEYS[1])
local event = value and number_of_key(value, ARGV[4], ARGV[5], present_time())
if event then
    return { 'stored', event }
end
return { ARGV[5] == 'x' and 'forgotten' or 'none' }
