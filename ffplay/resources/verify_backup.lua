-- Verifies Tarantool's .snap and .xlog files by reading them: usage `tarantool verify_backup.lua FILE... [-- FILE...]`
--
-- The files between two `--` are those of one backup; of several each begins with a line `group NUMBER`, from 1 on.
-- Prints the instance, the vclock that the files reach, and the least and the greatest number of rows of each space;
-- the first thing that is wrong goes to standard error, and the exit code is 1. Files are read in pieces, so memory
-- is bounded by the largest transaction. Tarantool's own reader (`xlog.pairs`) skips damaged blocks without a word:
-- hence the walk over the blocks here. Format: a text header up to an empty line; blocks of a marker, MessagePack
-- length, checksum before and checksum (CRC32C), padded to 19 bytes, and then rows; the end marker.

local ffi = require('ffi')
require('digest')

ffi.cdef[[
int open(const char *path, int flags, ...);
int close(int fd);
ssize_t read(int fd, void *to, size_t count);
void *malloc(size_t size);
void *realloc(void *at, size_t size);
void *memmove(void *to, const void *from, size_t count);
]]
local zstd = pcall(ffi.cdef, [[
typedef struct { const void *src; size_t size; size_t pos; } ffplay_in;
typedef struct { void *dst; size_t size; size_t pos; } ffplay_out;
void *ZSTD_createDStream(void);
size_t ZSTD_initDStream(void *stream);
size_t ZSTD_decompressStream(void *stream, ffplay_out *to, ffplay_in *from);
unsigned ZSTD_isError(size_t code);
]]) and pcall(function() return ffi.C.ZSTD_decompressStream, ffi.C.ZSTD_isError end)

local PLAIN, PACKED, LAST = 0xd5ba0bab, 0xd5ba0bba, 0xd510aded
local FIXED, PIECE, MOST = 19, 4 * 1024 * 1024, 1024 * 1024 * 1024
local INSERT, REPLACE, UPDATE, DELETE, UPSERT = 2, 3, 4, 5, 9
local FIRST_USER_SPACE = 512
-- Dropping a space or an index and truncating remove rows without a row of their own for each.
local REMOVERS = {[280] = true, [288] = true, [330] = true}

local path  -- of the file that is being read, for messages

local function refuse(message, ...)
    error({said = string.format('%s: ' .. message, path, ...)}, 0)
end

-- A window on a file: bytes `at` to `till` of `bytes` are there, `offset` is where `at` lies in the file.
local window = {bytes = ffi.cast('uint8_t *', ffi.C.malloc(PIECE)), room = PIECE}

local function open(name)
    window.fd = ffi.C.open(name, 0)
    if window.fd < 0 then
        refuse('cannot be opened')
    end
    window.at, window.till, window.offset, window.done = 0, 0, 0, false
end

--- Have `count` bytes in the window; return how many there are, less at the end of the file.
local function want(count)
    local w = window
    if w.till - w.at >= count then
        return w.till - w.at
    end
    ffi.C.memmove(w.bytes, w.bytes + w.at, w.till - w.at)
    w.at, w.till = 0, w.till - w.at
    if count > w.room then
        local more = ffi.C.realloc(w.bytes, count)
        if more == nil then
            refuse('no memory for a block of %d bytes at byte %d', count, w.offset)
        end
        w.bytes, w.room = ffi.cast('uint8_t *', more), count
    end
    while w.till < count and not w.done do
        local got = tonumber(ffi.C.read(w.fd, w.bytes + w.till, w.room - w.till))
        if got < 0 then
            refuse('cannot be read at byte %d', w.offset + w.till)
        end
        w.till, w.done = w.till + got, got == 0
    end
    return w.till - w.at
end

local function take(count)
    window.at, window.offset = window.at + count, window.offset + count
end

-- MessagePack -------------------------------------------------------------------------------------------------------

local function be(bytes, at, count)
    local value = 0
    for i = at, at + count - 1 do
        value = value * 256 + bytes[i]
    end
    return value
end

--- Return the unsigned number at a place and the place after it, nil where there is none.
local function number(bytes, at)
    local c = bytes[at]
    if c <= 0x7f then
        return c, at + 1
    elseif c >= 0xcc and c <= 0xcf then
        local size = 2 ^ (c - 0xcc)
        return be(bytes, at + 1, size), at + 1 + size
    end
end

local FIXED_SIZES = {
    [0xc0] = 1, [0xc2] = 1, [0xc3] = 1, [0xca] = 5, [0xcb] = 9, [0xcc] = 2, [0xcd] = 3, [0xce] = 5, [0xcf] = 9,
    [0xd0] = 2, [0xd1] = 3, [0xd2] = 5, [0xd3] = 9, [0xd4] = 3, [0xd5] = 4, [0xd6] = 6, [0xd7] = 10, [0xd8] = 18,
}
-- Marker -> bytes of its length, bytes beside length and marker.
local SIZED = {
    [0xc4] = {1, 0}, [0xc5] = {2, 0}, [0xc6] = {4, 0}, [0xd9] = {1, 0}, [0xda] = {2, 0}, [0xdb] = {4, 0},
    [0xc7] = {1, 1}, [0xc8] = {2, 1}, [0xc9] = {4, 1},
}
local LISTS = {[0xdc] = {2, 1}, [0xdd] = {4, 1}, [0xde] = {2, 2}, [0xdf] = {4, 2}}

--- Return the place after the value at a place.
local function skip(bytes, at, last)
    local left = 1
    while left > 0 do
        if at >= last then
            refuse('a row ends too early before byte %d', window.offset)
        end
        local c = bytes[at]
        left = left - 1
        if c <= 0x7f or c >= 0xe0 then
            at = at + 1
        elseif c <= 0x8f then
            at, left = at + 1, left + 2 * (c - 0x80)
        elseif c <= 0x9f then
            at, left = at + 1, left + c - 0x90
        elseif c <= 0xbf then
            at = at + 1 + c - 0xa0
        elseif FIXED_SIZES[c] then
            at = at + FIXED_SIZES[c]
        elseif SIZED[c] then
            at = at + 1 + SIZED[c][1] + SIZED[c][2] + be(bytes, at + 1, SIZED[c][1])
        elseif LISTS[c] then
            left = left + LISTS[c][2] * be(bytes, at + 1, LISTS[c][1])
            at = at + 1 + LISTS[c][1]
        else
            refuse('a row makes no sense before byte %d', window.offset)
        end
    end
    return at
end

--- Call `each(key, number or nil)` for every pair of the map at a place; return the place after it.
local function map(bytes, at, last, each)
    local c = bytes[at]
    local pairs_left
    if c >= 0x80 and c <= 0x8f then
        pairs_left, at = c - 0x80, at + 1
    elseif c == 0xde then
        pairs_left, at = be(bytes, at + 1, 2), at + 3
    else
        refuse('a row is no map before byte %d', window.offset)
    end
    for _ = 1, pairs_left do
        local key, value_at = number(bytes, at)
        if not key or value_at >= last then
            refuse('a row makes no sense before byte %d', window.offset)
        end
        each(key, (number(bytes, value_at)))
        at = skip(bytes, value_at, last)
    end
    return at
end

-- Rows --------------------------------------------------------------------------------------------------------------

local rows = {}    -- space -> {least, greatest}
local base = {}    -- vclock of the newest snapshot
local reached      -- vclock that the rows read so far reach

local function counted(space)
    rows[space] = rows[space] or {0, 0}
    return rows[space]
end

local function count_row(file, kind, space, lsn, replica)
    file.any = true
    if file.kind == 'SNAP' then
        if lsn and file.lsn and lsn ~= file.lsn + 1 then
            refuse('row %d is missing', file.lsn + 1)
        end
        file.lsn = lsn or file.lsn
        if file.newest and space and space >= FIRST_USER_SPACE then
            local of = counted(space)
            of[1], of[2] = of[1] + 1, of[2] + 1
        end
        return
    end
    replica = replica or 0
    if lsn then
        if lsn <= (file.seen[replica] or -1) then
            refuse('row %d comes after row %d', lsn, file.seen[replica])
        end
        file.seen[replica] = lsn
        file.reached[replica] = math.max(file.reached[replica] or 0, lsn)
        if lsn <= (base[replica] or 0) then
            return  -- the snapshot holds it
        end
    end
    if REMOVERS[space] and (kind ~= INSERT or space == 330) then
        for _, of in pairs(rows) do
            of[1] = 0
        end
    end
    if not space or space < FIRST_USER_SPACE then
        return
    end
    local of = counted(space)
    if kind == INSERT then
        of[1], of[2] = of[1] + 1, of[2] + 1
    elseif kind == REPLACE or kind == UPSERT then
        of[2] = of[2] + 1
    elseif kind == DELETE then
        of[1] = math.max(0, of[1] - 1)  -- what deletes nothing is written down as well
    end
end

--- Tell a header (its first key is below 16) from a body: a row that does nothing may have none.
local function is_header(bytes, at)
    return bytes[at] ~= 0x80 and bytes[at] <= 0x8f and bytes[at + 1] < 0x10
end

local function walk(file, bytes, at, last)
    local kind, lsn, replica, space
    local function of_header(key, value)
        if key == 0 then kind = value elseif key == 2 then replica = value elseif key == 3 then lsn = value end
    end
    local function of_body(key, value)
        if key == 0x10 then space = value end
    end
    while at < last do
        kind, lsn, replica, space = nil, nil, nil, nil
        at = map(bytes, at, last, of_header)
        if at < last and not is_header(bytes, at) then
            at = map(bytes, at, last, of_body)
        end
        count_row(file, kind, space, lsn, replica)
        if at > last then
            refuse('a row ends too late before byte %d', window.offset)
        end
    end
end

local unpacked = {room = 0}

--- Return the unpacked bytes of a packed block and how many they are.
local function unpack_block(bytes, size)
    local u = unpacked
    u.stream = u.stream or ffi.C.ZSTD_createDStream()
    ffi.C.ZSTD_initDStream(u.stream)
    local from, to = ffi.new('ffplay_in', bytes, size, 0), ffi.new('ffplay_out')
    local filled = 0
    while true do
        if u.room - filled < PIECE then
            if u.room + PIECE > MOST then
                refuse('the block before byte %d unpacks to more than %d bytes', window.offset, MOST)
            end
            u.room = math.max(2 * u.room, 2 * PIECE)
            u.bytes = ffi.cast('uint8_t *', ffi.C.realloc(u.bytes, u.room))
            if u.bytes == nil then
                refuse('no memory to unpack the block before byte %d', window.offset)
            end
        end
        to.dst, to.size, to.pos = u.bytes + filled, u.room - filled, 0
        local left = ffi.C.ZSTD_decompressStream(u.stream, to, from)
        if ffi.C.ZSTD_isError(left) ~= 0 then
            refuse('the block before byte %d cannot be unpacked', window.offset)
        end
        filled = filled + tonumber(to.pos)
        if tonumber(left) == 0 and from.pos >= from.size then
            return u.bytes, filled
        elseif from.pos >= from.size and to.pos < to.size then
            refuse('the block before byte %d is packed incompletely', window.offset)
        end
    end
end

-- Files -------------------------------------------------------------------------------------------------------------

local function vclock_of(text)
    local found = {}
    for id, lsn in text:gmatch('(%d+):%s*(%d+)') do
        found[tonumber(id)] = tonumber(lsn)
    end
    return found
end

local function read_header()
    local size = math.min(want(4096), 4096)
    local text = ffi.string(window.bytes + window.at, size)
    local stop = text:find('\n\n', 1, true)
    local file = {kind = text:match('^(%u+)\n'), version = text:match('^%u+\n([%d.]+)\n')}
    if not stop or not file.version or not (file.kind == 'SNAP' or file.kind == 'XLOG') then
        refuse('does not begin as a snapshot or xlog does')
    elseif file.version ~= '0.12' and file.version ~= '0.13' then
        refuse('has the format %s, and only 0.12 and 0.13 are known', file.version)
    end
    text = text:sub(1, stop)
    file.instance = text:match('\nInstance: ([%x-]+)\n') or text:match('\nServer: ([%x-]+)\n')
    local vclock = text:match('\nVClock: ({[^\n]*})\n')
    if not file.instance or not vclock then
        refuse('its header has no instance or no VClock')
    end
    file.vclock, file.reached, file.seen = vclock_of(vclock), vclock_of(vclock), {}
    take(stop + 1)
    return file
end

--- Return length and checksum of the block at the window's place, nothing where none begins there.
local function fixed_header(at)
    local bytes = window.bytes
    local length, next_at = number(bytes, at + 4)
    if not length then return end
    local _, after = number(bytes, next_at)
    if not after or after > at + FIXED then return end
    local crc, over = number(bytes, after)
    if not crc or over > at + FIXED then return end
    return length, crc
end

local function crc_of(at, length)
    return tonumber(ffi.C.crc32_calc(0, ffi.cast('const char *', window.bytes + at), length))
end

--- A tail that is no whole block: refuse it where a whole block or the end marker follows, for then it is no tail.
local function check_torn(file, at_byte)
    if file.kind == 'SNAP' then
        refuse('has no end marker: it is cut at byte %d', at_byte)
    end
    while true do
        local size = want(PIECE)
        for at = window.at, window.till - 4 do
            local magic = be(window.bytes, at, 4)
            local begins = magic == PLAIN or magic == PACKED
            if begins and window.offset + at - window.at > at_byte and at + FIXED <= window.till then
                local length, crc = fixed_header(at)
                if length and at + FIXED + length <= window.till and crc_of(at + FIXED, length) == crc then
                    refuse('is damaged at byte %d', at_byte)
                end
            elseif magic == LAST and window.done and at == window.till - 4 then
                refuse('is damaged at byte %d', at_byte)
            end
        end
        if size < PIECE then
            return
        end
        take(size - 4)
    end
end

--- Read one block; return false at the end of the file. `torn` of the file is where an incomplete tail begins.
local function read_block(file)
    local start = window.offset
    local size = want(FIXED)
    local magic = size >= 4 and be(window.bytes, window.at, 4)
    if magic == LAST then
        if size > 4 then
            refuse('goes on after its end marker, at byte %d', start + 4)
        end
        file.ended = true
        return false
    end
    if magic and magic ~= PLAIN and magic ~= PACKED then
        refuse('no block begins at byte %d', start)
    end
    local length, crc
    if size >= FIXED then
        length, crc = fixed_header(window.at)
        if not length or length > MOST then
            refuse('no block begins at byte %d', start)
        end
    end
    if not length or want(FIXED + length) < FIXED + length then
        check_torn(file, start)
        file.torn = start
        return false
    end
    if crc_of(window.at + FIXED, length) ~= crc then
        refuse('the checksum of the block at byte %d is wrong', start)
    end
    local bytes, at, last = window.bytes, window.at + FIXED, window.at + FIXED + length
    take(FIXED + length)
    if magic == PACKED and zstd then
        local out, filled = unpack_block(bytes + at, length)
        walk(file, out, 0, filled)
    elseif zstd then
        walk(file, bytes, at, last)
    end
    return true
end

local KINDS = {INSERT = INSERT, REPLACE = REPLACE, UPDATE = UPDATE, DELETE = DELETE, UPSERT = UPSERT}

--- Count with Tarantool's own reader: the blocks are known to be whole, and nothing here can unpack them.
local function count_by_library(file)
    for _, row in require('xlog').pairs(path) do
        local header, body = row.HEADER, row.BODY or {}
        count_row(file, KINDS[header.type], body.space_id, header.lsn, header.replica_id)
    end
end

local function read_file(file_path, newest)
    path = file_path
    open(path)
    local file = read_header()
    file.newest = newest
    if newest then
        base = file.vclock
    elseif file.kind == 'XLOG' and reached then
        for id, lsn in pairs(file.vclock) do
            if lsn > (reached[id] or 0) then
                refuse('begins at row %d of instance %d, and what comes before ends at row %d: rows are missing',
                    lsn + 1, id, reached[id] or 0)
            end
        end
    end
    while read_block(file) do end
    if file.kind == 'SNAP' and not file.ended then
        check_torn(file, window.offset)
    end
    ffi.C.close(window.fd)
    if not zstd then
        count_by_library(file)
    end
    if file.kind == 'SNAP' and not file.any then
        refuse('holds no row, and every snapshot has some')
    end
    return file
end

local function sorted(files, ending)
    local found = {}
    for _, name in ipairs(files) do
        if name:sub(-#ending) == ending then
            found[#found + 1] = name
        end
    end
    table.sort(found, function(a, b) return a:match('[^/]*$') < b:match('[^/]*$') end)
    return found
end

local function verify(files)
    rows, base, reached = {}, {}, nil
    local instance
    local function same_instance(file)
        instance = instance or file.instance
        if file.instance ~= instance then
            refuse('is of instance %s, and others are of %s', file.instance, instance)
        end
    end
    local snaps, xlogs = sorted(files, '.snap'), sorted(files, '.xlog')
    path = 'the backup'
    if #snaps == 0 then
        refuse('there is no snapshot')
    end
    for i = #snaps, 1, -1 do
        same_instance(read_file(snaps[i], i == #snaps))
    end
    -- Only what comes after the newest snapshot must be without a gap: what it needs to be restored.
    local newest = base
    for i, name in ipairs(xlogs) do
        local following = xlogs[i + 1]
        local signature = following and tonumber(following:match('(%d+)%.xlog$'))
        local total = 0
        for id, lsn in pairs(newest) do
            total = total + (id == 0 and 0 or lsn)
        end
        local matters = not signature or signature > total
        if matters and not reached then
            reached = {}
            for id, lsn in pairs(newest) do reached[id] = lsn end
        end
        local file = read_file(name)
        same_instance(file)
        if reached then
            for id, lsn in pairs(file.reached) do
                reached[id] = math.max(reached[id] or 0, lsn)
            end
        end
        if file.torn then
            print(('torn %d %s'):format(file.torn, name:match('[^/]*$')))
        end
    end
    print('instance ' .. instance)
    local ids, clock = {}, {}
    for id in pairs(reached or newest) do ids[#ids + 1] = id end
    table.sort(ids)
    for _, id in ipairs(ids) do clock[#clock + 1] = ('%d:%.0f'):format(id, (reached or newest)[id]) end
    print('vclock ' .. (#clock > 0 and table.concat(clock, ',') or '-'))
    for space, of in pairs(rows) do
        print(('rows %d %.0f %.0f'):format(space, of[1], of[2]))
    end
end

local function main()
    local groups = {{}}
    for i = 1, #arg do
        if arg[i] == '--' then
            groups[#groups + 1] = {}
        else
            table.insert(groups[#groups], arg[i])
        end
    end
    for i, files in ipairs(groups) do
        if #groups > 1 then
            print('group ' .. i)
        end
        verify(files)
    end
end

local good, why = pcall(main)
if not good then
    io.stderr:write(type(why) == 'table' and why.said or tostring(why), '\n')
end
io.stdout:flush()
os.exit(good and 0 or 1)
