-- Takes the lease on a partition's trimmed events, and reads the oldest ones. They stay until trimmed_done.lua. Writes nothing
-- if there are none.
-- Works without free memory.
--
-- KEYS
--   1      T:trim, the trimmed events
--   2      T:trimming, the lease, and how many events were dropped because T:trim was full
-- ARGV
--   1-3    see prelude.lua; not used
--   4      the node
--   5      how long the lease lasts, in ms
--   6, 7   the most events and the most bytes of entries in the reply. One event always fits
-- Reply
--   {'ok', dropped, event, …}   dropped: how many were dropped since the last call that said so
--   event: {id, room, epoch, type, entry}, see entries.lua. The epoch is the one at the time of the trimming.
--   {'busy', ms}                another node has the lease for so long

local trim, trimming = KEYS[1], KEYS[2]
local now = present_time()
local lease = call('HMGET', trimming, 'node', 'until', 'dropped', 'told')
if lease[1] and lease[1] ~= ARGV[4] and number(trimming, lease[2]) > now then
    return { 'busy', lease[2] - now }
end
local dropped, told = number(trimming, lease[3] or 0), number(trimming, lease[4] or 0)
local reply, bytes = { 'ok', decimal(math.max(0, dropped - told)) }, 0
for _, event in ipairs(call('XRANGE', trim, '-', '+', 'COUNT', ARGV[6])) do
    local fields = event[2]
    if #fields ~= 8 then
        foreign(trim)
    end
    bytes = bytes + #fields[8]
    if #reply > 2 and bytes > tonumber(ARGV[7]) then
        break
    end
    reply[#reply + 1] = { event[1], fields[2], fields[4], fields[6], fields[8] }
end

if #reply == 2 and dropped <= told then
    return reply
end
-- The first write is one that Redis allows when it is out of memory, and then the rest of the script too.
call('EXPIRE', trim, KEEP_ROOM)
call('HSET', trimming, 'node', ARGV[4], 'until', decimal(now + ARGV[5]), 'told', decimal(dropped))
call('EXPIRE', trimming, KEEP_ROOM)
return reply
