-- Tries whether this user of Redis may publish.
--
-- KEYS
--   1      any key of the server; not used
-- ARGV
--   1-3    see prelude.lua
--   4      a channel that nobody listens to
-- Reply
--   why publishing failed, or ''
-- Writes nothing.

local reply = redis.pcall(publish_command, ARGV[4], '')
return type(reply) == 'table' and reply.err or ''
