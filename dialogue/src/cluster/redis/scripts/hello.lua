-- Says that a node is there, and reads which contracts the others have.
--
-- KEYS
--   1      {prefix}:nodes, a hash: node -> '<ms> <fingerprint of its contract>'
-- ARGV
--   1-3    see prelude.lua; not used
--   4      the node
--   5      the fingerprint of its contract
--   6      after how many ms without a word a node is forgotten
-- Reply
--   {fingerprint, …}   those of the other nodes, each once

local nodes, longest = KEYS[1], tonumber(ARGV[6])
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fields = call('HGETALL', nodes)
call('HSET', nodes, ARGV[4], decimal(now) .. ' ' .. ARGV[5])
call('PEXPIREAT', nodes, decimal(now + longest))
local reply, told = {}, {}
for index = 1, #fields, 2 do
    local at, fingerprint = string.match(fields[index + 1], '^(%d+) (.*)$')
    if not at or now - tonumber(at) > longest then
        call('HDEL', nodes, fields[index])
    elseif fields[index] ~= ARGV[4] and not told[fingerprint] then
        told[fingerprint] = true
        reply[#reply + 1] = fingerprint
    end
end
return reply
