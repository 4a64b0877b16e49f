-- Stores and publishes a batch of events of one room, exactly once however often it is sent.
--
-- A node numbers its batches of a room: `counter` increases. At most one of them is in flight. It says 'renew' with its first
-- batch of a room after each contact, and at least once an hour.
--
-- KEYS
--   1      T:m:<room>, the metadata
--   2      T:log, the change log
--   then   T:e:<room>/<type>, the events of a type: one key per type with history, in the order of the types below
--   then   T:k:<room>/<sha1>, an idempotency key: one per event that has a key, in their order
--   last   T:trim and T:trimming, if 'archive'
-- ARGV
--   1-3    see prelude.lua
--   4      own part of the epoch, if the room has no metadata
--   5      own part of the epoch that the events are for
--   6, 7   the generation that the node knows (may be empty), and the highest number that it has seen in it
--   8, 9   the room's id and its channel
--   10, 11 the node, without spaces, and `counter`
--   12     'renew' or empty: extends the lifetime of all these keys
--   13     'archive' or empty: events that are trimmed go to T:trim first
--   14, 15 how many types have history, and how many types there are
--   then   per type, those with history first: name, and how many events are kept (empty for a volatile type)
--   then   per event: the index of its type from 1, its text, and its key:
--          text   volatile: the frame. History: '<bytes of sender>\n<sender>', then the frame without number and last brace
--          key    empty: none. 'u': a key. 'm': a marked repetition. 'x': the same, and its key may have been forgotten
-- Reply
--   {'stored', epoch, seq, answers}  seq: the room's last number after this batch
--   {'gone'}                         this incarnation of the room does not exist. Nothing was stored
--   {'old'}                          the node has sent a later batch. Nothing was stored
--   answers, in the order of the events, separated by commas: '3s' three were stored under the next numbers, '2v' two
--   volatile ones were published, '1r17' one was stored before under the number 17, '1f' one may have been stored before.
--   The last one with 's' has the number seq.
-- Publishes '1 e <epoch> <node> <counter> <seq> <position of the change, or 0> <answers>\n', then for each event with 's'
-- or 'v': '<bytes> <type>\n', and so many bytes: the frame of a volatile event, or the entry of a stored one:
-- '<number> <number of the event of its type before> <bytes of sender>\n<sender><frame>'.

-- Forgets the answers to nodes that have not renewed the room for two hours. Such a node repeats no batch any more.
local function forget_old_nodes(meta, now)
    local fields = call('HGETALL', meta)
    for index = 1, #fields, 2 do
        local node = string.match(fields[index], '^n:(.*)$')
        if node and now - number(meta, fields[index + 1]) > 7200000 then
            call('HDEL', meta, 'n:' .. node, 'a:' .. node)
        end
    end
end

local meta, log = KEYS[1], KEYS[2]
local own, room, channel, node, counter = ARGV[5], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local archive, histories, types = ARGV[13] ~= '', tonumber(ARGV[14]), tonumber(ARGV[15])
local first_event = 16 + 2 * types
local first_key, last_key = 3 + histories, #KEYS - (archive and 2 or 0)

-- Read and check.
local answer_field = 'a:' .. node
local fields = { 'own', 'gen', 'run', 'seq', answer_field }
for kind = 1, histories do
    fields[5 + kind] = 't:' .. ARGV[14 + 2 * kind]
end
local found = call('HMGET', meta, unpack(fields))
local answered = found[5]
if answered then
    local last = number(meta, string.match(answered, '^%d+'))
    if tonumber(counter) < last then
        return { 'old' }
    elseif tonumber(counter) == last then
        local gen, seq, answers = string.match(answered, '^%d+ (%S+) (%d+) (%S+)$')
        return { 'stored', own .. '.' .. gen, seq, answers }
    end
end
local present, gen, seq, is_new_epoch = identify(meta, found, ARGV[4], ARGV[6], tonumber(ARGV[7]))
if present ~= own then
    return { 'gone' }
end
local last_of, length_of, entries_of = {}, {}, {}
for kind = 1, histories do
    last_of[kind] = decimal(number(meta, found[5 + kind] or '0'))
    length_of[kind] = call('LLEN', KEYS[2 + kind])
end
local trimmed = archive and call('XLEN', KEYS[#KEYS - 1])
if archive then
    call('HLEN', KEYS[#KEYS])
end
local renewing = ARGV[12] ~= '' or not answered
local now = (renewing or last_key >= first_key) and present_time()
local keys = last_key >= first_key and call('MGET', unpack(KEYS, first_key, last_key))
if seq + #ARGV > HIGHEST then
    foreign(meta)
end

-- Decide on each event.
local top, key_index, new_keys = seq, 0, {}
local message, answers, run, count = { '' }, {}, nil, 0
for at = first_event, #ARGV, 3 do
    local kind, text, mark = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2]
    local outcome = kind <= histories and 's' or 'v'
    local key
    if mark ~= '' then
        key = KEYS[first_key + key_index]
        key_index = key_index + 1
        local known = new_keys[key] or number_of_key(keys[key_index], own, mark, now)
        if known then
            outcome = 'r' .. known
        elseif mark == 'x' then
            outcome = 'f'
        end
    end
    if outcome == 's' then
        top = top + 1
        local event = decimal(top)
        text = event .. ' ' .. last_of[kind] .. ' ' .. text .. event .. '}'
        last_of[kind] = event
        local entries = entries_of[kind] or {}
        entries_of[kind] = entries
        entries[#entries + 1] = text
        if key then
            new_keys[key] = event
        end
    end
    if outcome == 's' or outcome == 'v' then
        message[#message + 1] = #text .. ' ' .. ARGV[14 + 2 * kind] .. '\n'
        message[#message + 1] = text
    end
    if outcome == run then
        count = count + 1
    else
        answers[#answers + 1] = run and count .. run
        run, count = outcome, 1
    end
end
answers[#answers + 1] = count .. run
answers = table.concat(answers, ',')

-- Write.
local epoch, last, position = own .. '.' .. gen, decimal(top), '0'
if is_new_epoch then
    renew(meta, log, room, channel, own, gen, seq)
end
if top > seq then
    position = note_change(log, room)
end
local changes = { 'seq', last, answer_field, counter .. ' ' .. gen .. ' ' .. last .. ' ' .. answers }
for kind, entries in pairs(entries_of) do
    local list, name, limit = KEYS[2 + kind], ARGV[14 + 2 * kind], tonumber(ARGV[15 + 2 * kind])
    local excess = call('RPUSH', list, unpack(entries)) - limit
    if excess > 0 and archive then
        -- A limit that became much lower is reached step by step.
        excess = math.min(excess, 1000)
        for _, entry in ipairs(call('LRANGE', list, 0, excess - 1)) do
            if trimmed < 10000 then
                call('XADD', KEYS[#KEYS - 1], '*', 'r', room, 'e', epoch, 't', name, 'b', entry)
                trimmed = trimmed + 1
            else
                call('HINCRBY', KEYS[#KEYS], 'dropped', 1)
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
for key, event in pairs(new_keys) do
    call('SET', key, own .. ' ' .. event .. ' ' .. decimal(now), 'PX', 600000)
end
call('HSET', meta, unpack(changes))
if renewing then
    call('HSET', meta, 'n:' .. node, decimal(now))
    call('EXPIRE', meta, KEEP_ROOM)
    call('EXPIRE', log, KEEP_ROOM)
    for kind = 1, histories do
        call('EXPIRE', KEYS[2 + kind], KEEP_EVENTS)
    end
    forget_old_nodes(meta, now)
end
if #message > 1 then
    message[1] = table.concat({ '1 e', epoch, node, counter, last, position, answers .. '\n' }, ' ')
    call(publish_command, channel, table.concat(message))
end
return { 'stored', epoch, last, answers }
