-- Reads whether a server can keep a log of rooms.
--
-- KEYS
--   1      any key of the server; not used
-- ARGV
--   1-3    see prelude.lua
--   4      a channel that nobody listens to, or empty: tries whether this user may publish there
-- Reply
--   {version, policy, error}   the version of Redis, its `maxmemory_policy`, and why publishing failed, or ''
-- Writes nothing.

local function field(text, name)
    return string.match(text, name .. ':([^\r\n]*)') or ''
end

local failure = ''
if ARGV[4] ~= '' then
    local reply = redis.pcall(publish_command, ARGV[4], '')
    if type(reply) == 'table' and reply.err then
        failure = reply.err
    end
end
return { field(call('INFO', 'server'), 'redis_version'), field(call('INFO', 'memory'), 'maxmemory_policy'), failure }
