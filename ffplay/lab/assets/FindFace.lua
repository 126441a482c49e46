-- The lab's stand-in for the vendor's FindFace module: the documented HTTP API of a tntapi shard over real spaces.
-- It is as unforgiving as a shard should be: what is not documented is refused, never guessed.

local digest = require('digest')
local ffi = require('ffi')
local json = require('json')
local log = require('log')
local socket = require('socket')

ffi.cdef('int write(int fd, const void *buf, size_t count);')

local MAX_BODY = 1024 * 1024
local PREINDEX_MAGIC, INDEX_MAGIC = 'FFPREIX1', 'FFINDEX1'
local REASONS = {
    [200] = 'OK', [400] = 'Bad Request', [404] = 'Not Found', [405] = 'Method Not Allowed', [409] = 'Conflict',
    [411] = 'Length Required', [413] = 'Payload Too Large', [500] = 'Internal Server Error',
}
local OPTIONS = {
    license_ntls_server = 'string', facen_size = 'number', log_requests = 'boolean', search_threads = 'number',
    replication = 'string', soft_delete_mode = 'boolean',
}

local FindFace = {}
local Gallery = {}
Gallery.__index = Gallery
FindFace.Gallery = Gallery

local options   -- as given to start, with defaults
local counts = {}   -- gallery number -> {linear=, preindex=, indexed=}
local indexes = {}  -- gallery number -> true where its index file is loaded

-- Spaces ------------------------------------------------------------------------------------------------------------

local function create_spaces()
    box.once('findface', function()
        box.schema.space.create('galleries', {format = {
            {name = 'id', type = 'unsigned'}, {name = 'name', type = 'string'}, {name = 'index_file', type = 'string'},
        }})
        box.space.galleries:create_index('primary', {parts = {1, 'unsigned'}})
        box.space.galleries:create_index('name', {parts = {2, 'string'}})
        box.schema.space.create('faces', {format = {
            {name = 'gallery', type = 'unsigned'}, {name = 'id', type = 'unsigned'},
            {name = 'facen', type = 'string'}, {name = 'space', type = 'string'}, {name = 'deleted', type = 'boolean'},
        }})
        box.space.faces:create_index('primary', {parts = {1, 'unsigned', 2, 'unsigned'}})
        -- Who reaches the iproto port of a shard may do anything: that is why the documentation binds it to 127.0.0.1.
        box.schema.user.grant('guest', 'read,write,execute,create,drop,alter', 'universe', nil, {if_not_exists = true})
    end)
end

local function count(tuple, by)
    if tuple == nil or tuple[5] then
        return
    end
    local of = counts[tuple[1]]
    if of == nil then
        of = {linear = 0, preindex = 0, indexed = 0}
        counts[tuple[1]] = of
    end
    of[tuple[4]] = of[tuple[4]] + by
end

-- Counting anew is right after a transaction that failed: its triggers have run and their effect was not undone.
local function recount()
    counts = {}
    for _, tuple in box.space.faces:pairs() do
        count(tuple, 1)
    end
end

local function check_sizes()
    local bytes = options.facen_size * 4
    for _, tuple in box.space.faces:pairs() do
        if #tuple[3] ~= bytes then
            log.error('FindFace: stored facens have size %d, facen_size is %d (gallery %s, face %s): refusing to start',
                #tuple[3] / 4, options.facen_size, tostring(tuple[1]), tostring(tuple[2]))
            os.exit(1)
        end
    end
end

local function gallery_named(name)
    local tuple = box.space.galleries.index.name:get(name)
    return tuple and tuple[1]
end

local function make_gallery(name)
    local last = box.space.galleries.index.primary:max()
    local id = last and last[1] + 1 or 1
    box.space.galleries:insert{id, name, ''}
    return id
end

local function counts_of(id)
    return counts[id] or {linear = 0, preindex = 0, indexed = 0}
end

-- Fast indexes ------------------------------------------------------------------------------------------------------

local function move(id, from, to)
    box.begin()
    for _, tuple in box.space.faces:pairs({id}, {iterator = 'EQ'}) do
        if tuple[4] == from then
            box.space.faces:update({id, tuple[2]}, {{'=', 4, to}})
        end
    end
    box.commit()
end

local function read_file(path)
    local file, why = io.open(path, 'rb')
    if file == nil then
        error(why)
    end
    local data = file:read('*a')
    file:close()
    return data
end

local function u32(text, at)
    local a, b, c, d = text:byte(at, at + 3)
    return a + b * 256 + c * 65536 + d * 16777216
end

local function pack_u32(number)
    return string.char(number % 256, math.floor(number / 256) % 256, math.floor(number / 65536) % 256,
        math.floor(number / 16777216) % 256)
end

local function read_index(path)
    local data = read_file(path)
    if data:sub(1, 8) ~= INDEX_MAGIC or #data < 16 then
        error(path .. ' is not an index')
    end
    local size, faces = u32(data, 9), u32(data, 13)
    if size ~= options.facen_size then
        error(string.format('%s has facen_size %d, the shard has %d', path, size, options.facen_size))
    end
    if #data ~= 16 + 8 * faces then
        error(path .. ' is cut short')
    end
    return faces
end

--- A gallery by its name; an error where there is none.
function Gallery.new(name)
    local id = gallery_named(name)
    if id == nil then
        error('no such gallery: ' .. tostring(name))
    end
    return setmetatable({id = id, name = name}, Gallery)
end

--- Take all linear faces for the next index.
function Gallery:prepare_preindex()
    move(self.id, 'linear', 'preindex')
    return counts_of(self.id).preindex
end

--- Write the preindex for findface-build-index: every face that the next index shall hold.
function Gallery:save_preindex(path)
    if counts_of(self.id).preindex == 0 then
        error('the preindex is empty: call prepare_preindex first')
    end
    local file, why = io.open(path, 'wb')
    if file == nil then
        error(why)
    end
    local now = counts_of(self.id)
    file:write(PREINDEX_MAGIC, pack_u32(options.facen_size), pack_u32(now.preindex + now.indexed))
    for _, tuple in box.space.faces:pairs({self.id}, {iterator = 'EQ'}) do
        if tuple[4] ~= 'linear' and not tuple[5] then
            file:write(ffi.string(ffi.new('uint64_t[1]', tuple[2]), 8), tuple[3])
        end
    end
    file:close()
    return true
end

--- Declare that the preindex is in the index now.
function Gallery:preindex_to_index()
    if counts_of(self.id).preindex == 0 then
        error('the preindex is empty: call prepare_preindex first')
    end
    move(self.id, 'preindex', 'indexed')
    indexes[self.id] = nil
    return counts_of(self.id).indexed
end

--- Search with an index file from now on, also after a restart.
function Gallery:use_index(path)
    local faces, indexed = read_index(path), counts_of(self.id).indexed
    if faces ~= indexed then
        error(string.format('%s has %d faces, the gallery has %d indexed', path, faces, indexed))
    end
    indexes[self.id] = true
    box.space.galleries:update({self.id}, {{'=', 3, path}})
    return true
end

-- Requests: each returns status, body and, where it matters, another header --------------------------------------------

local function facen_or_error(body)
    if #body ~= options.facen_size * 4 then
        return nil, string.format('facen has %d bytes, expected %d', #body, options.facen_size * 4)
    end
    return body
end

local function add(name, id, body)
    local facen, why = facen_or_error(body)
    if facen == nil then
        return 400, why
    end
    local gallery = gallery_named(name) or make_gallery(name)
    local old = box.space.faces:get{gallery, id}
    if old ~= nil and not old[5] then
        return 409, 'face ' .. tostring(id):gsub('ULL$', '') .. ' exists'
    end
    box.space.faces:replace{gallery, id, facen, 'linear', false}
    return 200, ''
end

local function find(name, id)
    local gallery = gallery_named(name)
    local tuple = gallery and box.space.faces:get{gallery, id}
    if tuple == nil or tuple[5] then
        return nil
    end
    return tuple
end

local function encode(facen)
    return digest.base64_encode(facen, {nowrap = true})
end

local function get(name, id)
    local tuple = find(name, id)
    if tuple == nil then
        return 404, 'no such face'
    end
    return 200, json.encode({id = tuple[2], facen = encode(tuple[3])})
end

local function del(name, id)
    local tuple = find(name, id)
    if tuple == nil then
        return 404, 'no such face'
    end
    if options.soft_delete_mode then
        box.space.faces:update({tuple[1], id}, {{'=', 5, true}})
    else
        box.space.faces:delete{tuple[1], id}
    end
    return 200, ''
end

local function list(name, start, limit)
    local gallery = gallery_named(name)
    if gallery == nil then
        return 404, 'no such gallery'
    end
    local faces = setmetatable({}, {__serialize = 'seq'})
    for _, tuple in box.space.faces:pairs({gallery, start}, {iterator = 'GE'}) do
        if tuple[1] ~= gallery then
            break
        end
        if not tuple[5] then
            if #faces >= limit then
                return 200, json.encode({faces = faces, next = tuple[2]})
            end
            table.insert(faces, {id = tuple[2], space = tuple[4], facen = encode(tuple[3])})
        end
    end
    return 200, json.encode({faces = faces, next = json.NULL})
end

local function cosine(a, b, size)
    local ab, aa, bb = 0, 0, 0
    for i = 0, size - 1 do
        ab, aa, bb = ab + a[i] * b[i], aa + a[i] * a[i], bb + b[i] * b[i]
    end
    return (aa == 0 or bb == 0) and 0 or ab / math.sqrt(aa * bb)
end

local function search(name, limit, threshold, body)
    local facen, why = facen_or_error(body)
    if facen == nil then
        return 400, why
    end
    local gallery = gallery_named(name)
    if gallery == nil then
        return 404, 'no such gallery'
    end
    local wanted = ffi.cast('const float *', facen)
    local found = setmetatable({}, {__serialize = 'seq'})
    for _, tuple in box.space.faces:pairs({gallery}, {iterator = 'EQ'}) do
        local stored = tuple[3]
        local conf = cosine(wanted, ffi.cast('const float *', stored), options.facen_size)
        if conf >= threshold and not tuple[5] then
            table.insert(found, {conf = conf, id = tuple[2]})
        end
    end
    table.sort(found, function(a, b) return a.conf > b.conf end)
    for i = #found, limit + 1, -1 do
        found[i] = nil
    end
    return 200, json.encode(found), 'X-search-stat: ' .. (indexes[gallery] and 'with_index' or 'without_index')
end

local function stat_of(tuple)
    local of = counts_of(tuple[1])
    return {id = tuple[1], name = tuple[2], cnt_linear = of.linear, cnt_preindex = of.preindex, cnt_indexed = of.indexed}
end

local function stat_list(start, limit)
    local found = setmetatable({}, {__serialize = 'seq'})
    for position, tuple in ipairs(box.space.galleries:select()) do
        if position >= start and #found < limit then
            table.insert(found, stat_of(tuple))
        end
    end
    return 200, json.encode({galleries = found, total = box.space.galleries:len()})
end

local function stat_info(name)
    local tuple = box.space.galleries.index.name:get(name)
    if tuple == nil then
        return 404, 'no such gallery'
    end
    local stat = stat_of(tuple)
    stat.index_file, stat.index_loaded = tuple[3], indexes[tuple[1]] == true
    return 200, json.encode(stat)
end

local function face_request(action, name, first, second, body)
    local id = tonumber64(first:match('^%d+$') or '')
    if action == 'search' then
        local limit, threshold = tonumber(first), tonumber(second)
        if limit == nil or threshold == nil then
            return 400, 'search takes LIMIT/THRESHOLD'
        end
        return search(name, limit, threshold, body)
    elseif id == nil then
        return 400, 'not a number: ' .. first
    elseif action == 'list' then
        local limit = tonumber(second:match('^%d+$') or '')
        if limit == nil then
            return 400, 'list takes START_ID/COUNT'
        end
        return list(name, id, limit)
    elseif second ~= '' then
        return 404, 'no such resource'
    elseif action == 'add' then
        return add(name, id, body)
    end
    return (action == 'get' and get or del)(name, id)
end

local METHODS = {add = 'POST', get = 'GET', del = 'DELETE', list = 'GET', search = 'POST'}

local function unescape(text)
    return (text:gsub('%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end))
end

local function answer(method, target, body)
    local name, action, first, second = target:match('^/v1/([^/]+)/(%a+)/([^/]+)/?([^/]*)$')
    if name ~= nil and METHODS[action] ~= nil then
        if METHODS[action] ~= method then
            return 405, action .. ' takes ' .. METHODS[action]
        end
        return face_request(action, unescape(name), first, second, body)
    end
    local start, limit = target:match('^/stat/list/(%d+)/(%d+)$')
    local info = target:match('^/stat/info/([^/]+)$')
    if method ~= 'GET' and (start or info) then
        return 405, 'stat takes GET'
    elseif start ~= nil then
        return stat_list(tonumber(start), tonumber(limit))
    elseif info ~= nil then
        return stat_info(unescape(info))
    end
    return 404, 'no such resource'
end

-- HTTP --------------------------------------------------------------------------------------------------------------

local function guarded_answer(method, target, body)
    local ok, status, text, header = pcall(answer, method, target, body)
    if not ok then
        log.error('FindFace: %s %s: %s', method, target, tostring(status))
        pcall(box.rollback)
        recount()
        return 500, tostring(status)
    end
    return status, text, header
end

local function reply(sock, status, text, header, close)
    local lines = {
        'HTTP/1.1 ' .. status .. ' ' .. REASONS[status], 'Content-Length: ' .. #text,
        'Content-Type: ' .. ((text:sub(1, 1) == '{' or text:sub(1, 1) == '[') and 'application/json' or 'text/plain'),
        close and 'Connection: close' or 'Connection: keep-alive',
    }
    if header ~= nil then
        table.insert(lines, header)
    end
    return sock:write(table.concat(lines, '\r\n') .. '\r\n\r\n' .. text) ~= nil and not close
end

local function read_body(sock, head)
    if head:find('\r\ntransfer-encoding:', 1, true) then
        return nil, 411, 'send a Content-Length'
    end
    local length = tonumber(head:match('\r\ncontent%-length:%s*(%d+)') or 0)
    if length > MAX_BODY then
        return nil, 413, 'the body is too long'
    end
    if head:find('\r\nexpect: 100-continue', 1, true) then
        sock:write('HTTP/1.1 100 Continue\r\n\r\n')
    end
    local body = length == 0 and '' or sock:read(length)
    if body == nil or #body ~= length then
        return nil
    end
    return body
end

local function serve_one(sock)
    local raw = sock:read({delimiter = '\r\n\r\n'})
    if raw == nil or raw == '' then
        return false
    end
    local method, target, version = raw:match('^(%u+) (%S+) HTTP/1%.([01])\r\n')
    if method == nil then
        return reply(sock, 400, 'this is not HTTP', nil, true)
    end
    local head = raw:lower()
    local body, status, why = read_body(sock, head)
    if body == nil then
        return status ~= nil and reply(sock, status, why, nil, true)
    end
    local close = version == '0' or head:find('\r\nconnection: close', 1, true) ~= nil
    local code, text, header = guarded_answer(method, target, body)
    if options.log_requests then
        log.info('%s %s %d', method, target, code)
    end
    return reply(sock, code, text, header, close)
end

local function serve(sock)
    sock:nonblock(true)
    sock:setsockopt('IPPROTO_TCP', 'TCP_NODELAY', 1)
    while serve_one(sock) do end
end

-- Start -------------------------------------------------------------------------------------------------------------

local function checked_options(given)
    local result = {facen_size = 320, log_requests = true, search_threads = 1, soft_delete_mode = false}
    for name, value in pairs(given or {}) do
        if OPTIONS[name] == nil then
            error('FindFace.start: unknown option ' .. tostring(name))
        elseif type(value) ~= OPTIONS[name] then
            error(string.format('FindFace.start: option %s must be a %s', name, OPTIONS[name]))
        end
        result[name] = value
    end
    if result.facen_size < 1 or result.facen_size % 1 ~= 0 then
        error('FindFace.start: facen_size must be a positive whole number')
    end
    return result
end

local function check_licence()
    local host, port = (options.license_ntls_server or ''):match('^(.+):(%d+)$')
    if host == nil then
        return
    end
    local sock = socket.tcp_connect(host, tonumber(port), 1)
    if sock == nil then
        -- What the real module does then is undocumented.
        log.warn('FindFace: the licence server %s does not answer', options.license_ntls_server)
    else
        sock:close()
    end
end

local function load_indexes()
    for _, tuple in box.space.galleries:pairs() do
        if tuple[3] ~= '' then
            -- Faces may have been deleted since, so the counts are not compared here.
            local ok, why = pcall(read_index, tuple[3])
            if ok then
                indexes[tuple[1]] = true
            else
                log.warn('FindFace: searching %s without an index: %s', tuple[2], tostring(why))
            end
        end
    end
end

-- The lab's init hands every Type=notify unit a pipe; a byte on it says that the unit is ready.
local function tell_ready()
    local descriptor = tonumber(os.getenv('FFPLAY_READY_FD') or '')
    if descriptor ~= nil then
        ffi.C.write(descriptor, '1', 1)
    end
end

--- Serve the documented HTTP API at ADDRESS:HTTP_PORT. Exits the process where the stored data are of another facen size.
function FindFace.start(address, http_port, given)
    local ok, why = pcall(checked_options, given)
    if not ok then
        log.error(tostring(why))
        os.exit(1)
    end
    options = why
    create_spaces()
    check_sizes()
    recount()
    box.space.faces:on_replace(function(old, new)
        count(old, -1)
        count(new, 1)
    end)
    load_indexes()
    check_licence()
    if socket.tcp_server(address, http_port, {name = 'findface', handler = serve}) == nil then
        log.error('FindFace: cannot listen on %s:%d', address, http_port)
        os.exit(1)
    end
    log.info('FindFace: serving facens of size %d on %s:%d', options.facen_size, address, http_port)
    tell_ready()
end

return FindFace
