-- Removes trimmed events that the application has received.
--
-- KEYS
--   1      T:trim, the trimmed events
-- ARGV
--   1-3    see prelude.lua; not used
--   then   the ids of the events
-- Reply
--   how many of them were still there

return call('XDEL', KEYS[1], unpack(ARGV, 4))
