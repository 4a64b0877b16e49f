-- Stores and publishes a batch of events of one room, exactly once however often it is sent.
--
-- A node numbers its batches of a room: `counter` increases. At most one of them is in flight. Without a reply, the node
-- sends the same again and adds 'repeat'. It says 'renew' with its first batch of a room after each contact, and at least
-- once an hour.
--
-- KEYS
--   1      T:m:<room>, the metadata
--   2      T:log, the change log
--   then   T:e:<room>/<type>, the events of a type: one key per type with history, in the order of the types below
--   then   T:k:<room>/0, /1 and /2, the idempotency keys, if an event has one
--   last   T:trim and T:trimming, with 'archive'
-- ARGV
--   1-3    see prelude.lua
--   4      own part of the epoch, if the room has no metadata
--   5, 6   the epoch that the node knows ('<own>.' if it knows no generation), and the highest number seen in it
--   7, 8   the room's id and its channel
--   9, 10  the node, without spaces, and `counter`
--   11     words. 'renew' extends the lifetime of all these keys. 'archive': events that are trimmed go to T:trim first.
--          'repeat': the batch may have been stored already
--   12     how many types there are
--   then   per type, those with history first: name, and how many events are kept (empty for a volatile type)
--   then   per event, at most 1,000: the index of its type from 1, its text, and its key:
--          text   volatile: the frame. History: '<bytes of sender>\n<sender>', then the frame without number and last brace
--          key    empty, or a letter and the key, see key.lua. 'u': not marked. 'm': a marked repetition. 'x': the same, and
--                 its key may have been forgotten
-- Reply
--   {'stored', '<epoch> <seq> <answers>'}  seq: the room's last number after this batch
--   {'gone'}                               this incarnation of the room does not exist. Nothing was stored
--   {'old'}                                the node has sent a later batch. Nothing was stored now
--   {'unknown'}                            with 'repeat': the epoch has changed, so the batch may have been stored and lost.
--                                          Nothing was stored now
--   answers, in the order of the events, separated by commas: '3s' three were stored under the next numbers, '2v' two
--   volatile ones were published, '1r17' one was stored before under the number 17, '1f' one may have been stored before.
--   The last one with 's' has the number seq.
-- Publishes '1 e <node> <counter> <position of the change, or 0> <epoch> <seq> <answers>\n', then for each event with 's' or
-- 'v': '<bytes> <type>\n', and so many bytes: the frame of a volatile event, or the entry of a stored one:
-- '<number> <number of the event of its type before> <bytes of sender>\n<sender><frame>'.

-- Forgets the answers to nodes that have not said 'renew' for two hours. They repeat no batch any more.
local function forget_nodes(meta, now)
    local fields = call('HGETALL', meta)
    for index = 1, #fields, 2 do
        local node = string.match(fields[index], '^n:(.*)$')
        if node and now - (tonumber(fields[index + 1]) or 0) > 7200000 then
            call('HDEL', meta, 'n:' .. node, 'a:' .. node)
        end
    end
end

local meta, log = KEYS[1], KEYS[2]
local known, room, channel, node, counter = ARGV[5], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local types = tonumber(ARGV[12])
local flags = ARGV[11]
local archive = flags ~= '' and string.find(flags, 'archive', 1, true)

-- Read and check.
local histories = 0
local answer_field = 'a:' .. node
local fields = { 'epoch', 'run', 'seq', answer_field }
for kind = 1, types do
    if ARGV[12 + 2 * kind] ~= '' then
        histories = kind
        fields[4 + kind] = 't:' .. ARGV[11 + 2 * kind]
    end
end
local found = call('HMGET', meta, unpack(fields))
local answered = found[4]
if answered then
    local last, answer = string.match(answered, '^(%d+) (.*)$')
    local distance = counter - number(meta, last)
    if distance <= 0 then
        return distance == 0 and { 'stored', answer } or { 'old' }
    end
end
local epoch, seq, is_new_epoch = identify(meta, found, ARGV[4], known, tonumber(ARGV[6]))
if not epoch then
    return { 'gone' }
elseif epoch ~= known and flags ~= '' and string.find(flags, 'repeat', 1, true) then
    return { 'unknown' }
elseif seq + #ARGV > HIGHEST then
    foreign(meta)
end
local first_key, last_key = 3 + histories, #KEYS
local length_of, trimmed, dropped = {}, 0, 0
for kind = 1, histories do
    length_of[kind] = call('LLEN', KEYS[2 + kind])
    number(meta, found[4 + kind] or 0)
end
if archive then
    last_key = last_key - 2
    trimmed = call('XLEN', KEYS[last_key + 1])
    dropped = number(KEYS[last_key + 2], call('HGET', KEYS[last_key + 2], 'dropped') or 0)
end
local fields_of_keys, is_marked, values = {}, false, nil
if last_key >= first_key then
    for at = 15 + 2 * types, #ARGV, 3 do
        if ARGV[at] ~= '' then
            fields_of_keys[#fields_of_keys + 1] = string.sub(ARGV[at], 2)
            is_marked = is_marked or string.byte(ARGV[at]) ~= 117 -- u
        end
    end
end
local renewing = not answered or flags ~= '' and string.find(flags, 'renew', 1, true)
local now
if renewing or last_key >= first_key then
    now = present_time()
end
if last_key >= first_key then
    values = values_of_keys(first_key, fields_of_keys, is_marked, now)
end

-- Decide on each event.
local top, key_index, new_keys = seq, 0, nil
local last_of, entries_of, message = {}, {}, { '' }
local last, answers, run, count = nil, '', nil, 0
for at = 13 + 2 * types, #ARGV, 3 do
    local kind, text = tonumber(ARGV[at]), ARGV[at + 1]
    local outcome = kind <= histories and 's' or 'v'
    local key
    if ARGV[at + 2] ~= '' then
        key_index = key_index + 1
        key = fields_of_keys[key_index]
        local mark, value = string.sub(ARGV[at + 2], 1, 1), values[key_index]
        local event = new_keys and new_keys[key] or value and number_of_key(value, epoch, mark, now)
        if event then
            outcome = 'r' .. event
        elseif mark == 'x' then
            outcome = 'f'
        end
    end
    if outcome == 's' then
        top = top + 1
        local event = decimal(top)
        text = event .. ' ' .. (last_of[kind] or found[4 + kind] or '0') .. ' ' .. text .. event .. '}'
        last, last_of[kind] = event, event
        local entries = entries_of[kind]
        if entries then
            entries[#entries + 1] = text
        else
            entries_of[kind] = { text }
        end
        if key then
            new_keys = new_keys or {}
            new_keys[key] = event
        end
    end
    if outcome == 's' or outcome == 'v' then
        message[#message + 1] = #text .. ' ' .. ARGV[11 + 2 * kind] .. '\n'
        message[#message + 1] = text
    end
    if outcome == run then
        count = count + 1
    else
        answers = run and answers .. count .. run .. ',' or answers
        run, count = outcome, 1
    end
end
last = last or decimal(seq)
local answer = epoch .. ' ' .. last .. ' ' .. answers .. count .. run

-- Write.
if is_new_epoch then
    renew(meta, log, room, channel, epoch, seq)
end
local position = top > seq and note_change(log, room) or '0'
local changes = { 'seq', last, answer_field, counter .. ' ' .. answer }
for kind, entries in pairs(entries_of) do
    local list, name = KEYS[2 + kind], ARGV[11 + 2 * kind]
    if not found[4 + kind] and length_of[kind] > 0 then
        -- They are from before the metadata was lost. Their numbers come again.
        call('UNLINK', list)
        length_of[kind] = 0
    end
    local excess = call('RPUSH', list, unpack(entries)) - ARGV[12 + 2 * kind]
    if excess > 0 and archive then
        -- A limit that became much lower is reached step by step.
        excess = math.min(excess, 1000)
        for _, entry in ipairs(call('LRANGE', list, 0, excess - 1)) do
            if trimmed < 10000 then
                call('XADD', KEYS[#KEYS - 1], '*', 'r', room, 'e', epoch, 't', name, 'b', entry)
                trimmed = trimmed + 1
            else
                dropped = dropped + 1
                call('HSET', KEYS[#KEYS], 'dropped', decimal(dropped))
            end
        end
    end
    if excess > 0 then
        call('LTRIM', list, excess, -1)
    end
    if length_of[kind] == 0 then
        call('EXPIRE', list, KEEP_EVENTS)
    end
    changes[#changes + 1] = 't:' .. name
    changes[#changes + 1] = last_of[kind]
end
if new_keys then
    local own, at = string.match(epoch, '^[^.]*') .. ' ', ' ' .. decimal(now)
    local turn, stored = math.floor(now / TURN), {}
    for key, event in pairs(new_keys) do
        stored[#stored + 1] = key
        stored[#stored + 1] = own .. event .. at
    end
    call('HSET', KEYS[first_key + turn % 3], unpack(stored))
    call('PEXPIREAT', KEYS[first_key + turn % 3], decimal((turn + 3) * TURN - 10000))
end
call('HSET', meta, unpack(changes))
if renewing then
    call('HSET', meta, 'n:' .. node, decimal(now))
    call('EXPIRE', meta, KEEP_ROOM)
    call('EXPIRE', log, KEEP_ROOM)
    for kind = 1, histories do
        call('EXPIRE', KEYS[2 + kind], KEEP_EVENTS)
    end
    forget_nodes(meta, now)
end
if #message > 1 then
    message[1] = '1 e ' .. node .. ' ' .. counter .. ' ' .. position .. ' ' .. answer .. '\n'
    call(publish_command, channel, table.concat(message))
end
return { 'stored', answer }
