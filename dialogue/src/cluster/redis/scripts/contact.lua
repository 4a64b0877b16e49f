-- Agrees on the format, the number of partitions and the secret. The first node that uses the prefix decides.
--
-- KEYS
--   1      {prefix}:meta
-- ARGV
--   1-3    see prelude.lua; not used
--   4, 5   the oldest format that the node understands, and the one that it writes
--   6      how many partitions the node wants
--   7      64 random hexadecimal digits: the secret, if there is none
-- Reply
--   {'ok', format, partitions, secret}   as stored
--   {'format', format}                   the stored format is too old or too new for this node

local meta = KEYS[1]
local found = call('HMGET', meta, 'format', 'partitions', 'secret')
local format, partitions, secret = found[1], found[2], found[3]
if not (format or partitions or secret) then
    format, partitions, secret = ARGV[5], ARGV[6], ARGV[7]
    call('HSET', meta, 'format', format, 'partitions', partitions, 'secret', secret)
end
format = number(meta, format)
if format < tonumber(ARGV[4]) or format > tonumber(ARGV[5]) then
    return { 'format', decimal(format) }
end
partitions = number(meta, partitions)
if partitions < 1 or partitions > 16384 or not string.match(secret or '', '^' .. ('%x'):rep(64) .. '$') then
    foreign(meta)
end
return { 'ok', decimal(format), decimal(partitions), secret }
