---@meta multisock.core
-- Written by script/docs, for lua-language-server.

---@class multisock.core.Easy
local multisock_core_Easy = {}

---A new handle with the same options, callbacks included. It has no connections, cookies, share or transfer of the original.
---Raises on a handle that serves multisock.fetch.
---@return multisock.core.Easy? # core.Easy; or nil, err when this libcurl cannot copy what is set
---@return multisock.Error?
function multisock_core_Easy:duphandle() end

---What libcurl knows of the transfer.
---@param name string such as "response_code" or "total_time"
---@return any? # value; nil where there is none; or nil, err when this libcurl lacks it
---@return multisock.Error?
function multisock_core_Easy:getinfo(name) end

---A header of the last transfer.
---@param name string in any case
---@param index? integer which one of several with this name, from 0 (the default)
---@param origin? string|string[] "header" (the default), "trailer", "connect", "1xx" or "pseudo", or a list of these
---@param request? integer the number of the request in a transfer with redirects, from 0; -1 (the default): the last
---@return table? # table with name, value, amount, index and origin; nil when there is no such header; or nil, err when libcurl is older than 7.83 or built without
---@return multisock.Error?
function multisock_core_Easy:header(name, index, origin, request) end

---The header after another one, in the order in which they came. The first call reads all that there are then.
---@param origin? string|string[] as for header
---@param request? integer as for header
---@param previous? table what nextheader returned; nil: the first one
---@return table? # table as header returns it, with its `position` (from 1); nil after the last; or nil, err
---@return multisock.Error?
function multisock_core_Easy:nextheader(origin, request, previous) end

---Pauses or continues directions of a transfer.
---Raises in a callback of its multi that is not one of its own.
---@param mask integer of core.PAUSE_RECV, PAUSE_SEND, PAUSE_ALL, PAUSE_CONT
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Easy:pause(mask) end

---Runs the transfer to its end; nothing else runs meanwhile.
---@return true? # true; or nil, err, which may be what a callback raised
---@return multisock.Error?
function multisock_core_Easy:perform() end

---Receives bytes from the connection of a handle with connect_only.
---Raises in a callback.
---@param most? integer bytes at most (16,384)
---@return string? # string, which is "" when the other end has closed; or nil, err, with code "CURLE_AGAIN" when nothing is there now
---@return multisock.Error?
function multisock_core_Easy:recv(most) end

---Sets all options back to their defaults; connections, the TLS session cache and cookies stay.
---Raises while the handle is in a multi.
---@return self # self
function multisock_core_Easy:reset() end

---Sends bytes over the connection of a handle with connect_only.
---Raises in a callback.
---@param bytes string
---@return integer? # count of bytes that were taken, which may be fewer; or nil, err, with code "CURLE_AGAIN" when the socket takes none now
---@return multisock.Error?
function multisock_core_Easy:send(bytes) end

---Sets options. What libcurl refuses is returned, not raised.
---Raises on an unknown name, a wrong type, zero bytes or line breaks where they would change the request, and while the transfer runs.
---@param name string|table an option, or a table of options and values
---@param value? any nil: back to the default; core.null, for a string: none
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Easy:setopt(name, value) end

---Where the callback that raised last did so.
---@return string? # string, a traceback; nil when none has raised
function multisock_core_Easy:traceback() end

---Sets an option back to its default.
---@param name string
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Easy:unsetopt(name) end

---Does what keeps the idle connections of the handle, or of its multi, alive.
---Raises in a callback.
---@return self? # self; or nil, err, also while the handle has a connection in use, for a transfer or for send and recv
---@return multisock.Error?
function multisock_core_Easy:upkeep() end

---What frame the bytes belong to that writefunction is called with.
---@return table? # table as the second result of ws_recv; nil outside of a WebSocket's writefunction; or nil, err
---@return multisock.Error?
function multisock_core_Easy:ws_meta() end

---Receives a WebSocket frame, or a part of one.
---Raises in a callback.
---@param most? integer bytes at most (16,384)
---@return string? # string, table with a field that is true for each of the frame's flags, `offset` and `bytesleft`; or nil, err, with code "CURLE_AGAIN" when nothing is there now and "CURLE_GOT_NOTHING" when the other end has closed
---@return table|multisock.Error
function multisock_core_Easy:ws_recv(most) end

---Sends a WebSocket frame, or a part of one. May be called in a callback of the handle itself.
---@param bytes string
---@param flags? string|string[] "text" (the default), "binary", "close", "ping", "pong", "cont" or "offset", or a list of these
---@param size? integer of the whole frame when "offset" is among the flags
---@return integer? # count of bytes that were taken; or nil, err, with code "CURLE_AGAIN" when the socket takes none now
---@return multisock.Error?
function multisock_core_Easy:ws_send(bytes, flags, size) end

---Ends the transfer and frees the handle. May be called again, at any time, and in a callback of the handle itself, whose transfer then fails. Outside of callbacks it gives HSTS entries to hstswritefunction, and the handle's own connections to closesocketfunction.
---Raises what these two raised; the handle is closed then, too.
function multisock_core_Easy:close() end

---@class multisock.core.Multi
local multisock_core_Multi = {}

---Adds a transfer; the next drive of the loop starts it.
---Raises when it is in a multi already, or in a callback.
---@param easy multisock.core.Easy kept alive until it is removed
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Multi:add_handle(easy) end

---Keeps a value for a socket: the socket callback gets it as its fourth argument until libcurl says "remove". May be called in that callback.
---Raises when a loop drives this multi.
---@param fd integer that libcurl has asked to watch
---@param value? any nil forgets
---@return self? # self; or nil, err when libcurl does not use this socket now
---@return multisock.Error?
function multisock_core_Multi:assign(fd, value) end

---Lets a libuv loop drive this multi.
---Raises when it is attached already or has transfers in it.
---@param loop multisock.core.Loop
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Multi:attach(loop) end

---The transfers in this multi, oldest first, those that have ended included. Of our own list, so that every libcurl has it.
---@return table # list of core.Easy
function multisock_core_Multi:get_handles() end

---A count of transfers that libcurl keeps.
---@param name "xfers_current" (added), "xfers_running", "xfers_pending" (waiting to start), "xfers_done" (not yet read by info_read) or "xfers_added" (ever)
---@return integer? # integer; or nil, err: needs libcurl 8.16
---@return multisock.Error?
function multisock_core_Multi:get_offt(name) end

---The next transfer that has ended. It stays in the multi until it is removed.
---@return multisock.core.Easy? # easy, true; or easy, nil, err; or nil when none has ended
---@return true?
---@return multisock.Error?
function multisock_core_Multi:info_read() end

---The opposite of notify_enable.
---@param kind "info_read"|"easy_done" as for notify_enable
---@return self? # self; or nil, err: needs libcurl 8.17
---@return multisock.Error?
function multisock_core_Multi:notify_disable(kind) end

---Lets `notifyfunction(kind, easy)` be called when this happens.
---@param kind "info_read"|"easy_done" the first says that there is something for info_read, where there was nothing, the second that this transfer has ended
---@return self? # self; or nil, err: needs libcurl 8.17
---@return multisock.Error?
function multisock_core_Multi:notify_enable(kind) end

---Does what can be done now, for a program without an event loop.
---Raises as socket_action.
---@return integer? # count of running transfers; or nil, err
---@return multisock.Error?
function multisock_core_Multi:perform() end

---Waits for activity on any transfer, or on descriptors of the caller.
---Raises in a callback of this multi.
---@param ms integer milliseconds at most
---@param fds? table a list of {fd=, events=}, with events "in" (the default), "out", "inout" or "pri"
---@return integer? # count, list: how many descriptors have activity, and those of `fds` that are ready, in the same form; or nil, err
---@return table|multisock.Error
function multisock_core_Multi:poll(ms, fds) end

---Takes a transfer out, whatever it is doing; its connection is closed when it was in the middle. Nothing happens when it is not in this multi.
---Raises in a callback of this multi.
---@param easy multisock.core.Easy
---@return self # self
function multisock_core_Multi:remove_handle(easy) end

---Sets options. `socketfunction(easy, fd, what, assigned)`, with `what` one of "in" "out" "inout" "remove", and `timerfunction(ms)`, with nil to delete the timer, must be set before the first transfer is added. `pushfunction(parent, pushed, headers)` is asked about each stream that an HTTP/2 server pushes, `notifyfunction(kind, easy)` is told what notify_enable names. core.multi_options() lists all of them.
---Raises on an unknown name, a wrong type, or in a callback of this multi.
---@param name string|table an option, or a table of options and values
---@param value? any nil: back to the default
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Multi:setopt(name, value) end

---Tells libcurl what happened on a socket, or that its timer is due.
---Raises what a socket, timer, push or notify callback raised; in a callback of this multi; when a loop drives it.
---@param fd? integer nil: the timer (CURL_SOCKET_TIMEOUT)
---@param what? "in"|"out"|"inout"|"err" nil lets libcurl look for itself
---@return integer? # count of running transfers; or nil, err
---@return multisock.Error?
function multisock_core_Multi:socket_action(fd, what) end

---Acts on every socket and transfer, whether something happened or not: slow. Deprecated by libcurl, but what cures refused connections before 8.4.
---Raises as socket_action.
---@return integer? # count of running transfers; or nil, err
---@return multisock.Error?
function multisock_core_Multi:socket_all() end

---When the timer is due, for a program that does not keep it.
---@return integer? # milliseconds; nil: never; or nil, err
---@return multisock.Error?
function multisock_core_Multi:timeout() end

---The same as poll, but returns at once when there is nothing to wait for.
---@param ms integer milliseconds at most
---@param fds? table as for poll
---@return integer? # count, list; or nil, err
---@return table|multisock.Error
function multisock_core_Multi:wait(ms, fds) end

---The sockets that libcurl waits for, for a program that calls perform when one of them is ready.
---@return table? # list of {fd=, events=}; or nil, err: needs libcurl 8.8
---@return multisock.Error?
function multisock_core_Multi:waitfds() end

---Ends a poll that runs in another thread, or the next one.
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Multi:wakeup() end

---Takes out all transfers, closes all connections, frees the handle. May be called again.
---Raises in a callback of this multi; what its socket callback raised meanwhile.
function multisock_core_Multi:close() end

---@class multisock.core.Loop
local multisock_core_Loop = {}

---How many sockets are watched, idle connections included, and how many multis are attached: for leak checks.
---@return integer # integer, integer
---@return integer
function multisock_core_Loop:counts() end

---The descriptor that is readable when a step has something to do.
---@return integer? # integer; nil where the system has none
function multisock_core_Loop:fd() end

---Whether the host was seen to run its loop: then Lua cannot wait for it.
---@param over? boolean the host says that its run has ended
---@return boolean # boolean
function multisock_core_Loop:hosted(over) end

---Lets Ctrl-C end a blocking step, for as long as a program runs the loop. Only where the host handles SIGINT by a plain function, as `lua` does.
---@param on boolean false also for a loop of the parent process
function multisock_core_Loop:interruptible(on) end

---Whether anything is left that the loop could wait for.
---@return boolean # boolean
function multisock_core_Loop:is_alive() end

---The monotonic clock.
---@return number # seconds, with fractions
function multisock_core_Loop:now() end

---Sets the function that gets Lua's turn in the host's uv_run, once for all that has happened: then some may be ready, or ends for info_read.
---Raises when the loop is not adopted.
---@param fn fun() what it raises is printed
---@return self # self
function multisock_core_Loop:on_turn(fn) end

---Waits for events and serves them. In a turn of an adopted loop it does nothing: the host's uv_run does it.
---Raises when called in a callback, or while the host runs an adopted loop; what a push or notify function raised.
---@param timeout? number seconds at most; nil: until something happens; 0: what is there now
---@return boolean # boolean whether anything is left that the loop could wait for
function multisock_core_Loop:step(timeout) end

---How long a step would wait by itself.
---@return number? # seconds; nil: until a socket is ready
function multisock_core_Loop:timeout() end

---Asks for a turn of an adopted loop. The last call counts.
---Raises when the loop is not adopted, or belongs to another thread.
---@param seconds? number until then, at most; 0: the next one; nil: when there is ready
---@return self # self
function multisock_core_Loop:wake(seconds) end

---Closes the loop and every multi that is attached to it. May be called again. Of an adopted one only what is ours on it: the host runs it once more before he closes it.
---Raises in a callback of a transfer that it drives.
function multisock_core_Loop:close() end

---@class multisock.core.Share
local multisock_core_Share = {}

---Sets what is shared. Not while an easy uses it.
---Raises on an unknown name.
---@param name string|table "share" or "unshare", or a table of both
---@param value? string|string[] "cookie" "dns" "ssl_session" "connect" "psl" "hsts", or a list
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Share:setopt(name, value) end

---Shares this. Not while an easy uses it.
---@param kinds string|string[] a name, or a list of names, as for setopt
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Share:share(kinds) end

---Shares this no more. Not while an easy uses it.
---@param kinds string|string[] a name, or a list of names, as for setopt
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Share:unshare(kinds) end

---Ends the use of this object. May be called again. Easies that were given the share keep it until they are closed, or have no share any more.
function multisock_core_Share:close() end

---@class multisock.core.Mime
local multisock_core_Mime = {}

---Adds a part.
---@param fields? table name, data, file, filename, type, encoder, headers, subparts, and read, seek, size
---@return multisock.core.MimePart # core.MimePart
function multisock_core_Mime:addpart(fields) end

---Ends the use of this object. May be called again. Easies that were given the mime keep what they have.
function multisock_core_Mime:close() end

---@class multisock.core.MimePart
local multisock_core_MimePart = {}

---The content: a string, which may have zero bytes. It replaces any other content.
---@param data string
---@return self # self
function multisock_core_MimePart:data(data) end

---The content: what a function gives, as the readfunction of an easy does.
---@param size integer|nil bytes; nil or -1 when it is not known
---@param read fun(room: integer): string? a string of at most so many bytes; nil: the end
---@param seek? fun(offset: integer, origin: string): boolean? needed to send it again
---@return self # self
function multisock_core_MimePart:data_cb(size, read, seek) end

---The transfer encoding.
---@param name? string "binary" "8bit" "7bit" "base64" "quoted-printable"; nil: none
---@return self # self
function multisock_core_MimePart:encoder(name) end

---The content: a file, read while it is sent. Its name is sent too, unless filename says otherwise.
---@param path string
---@return self # self; that the file cannot be read is told when the mime is given to an easy
function multisock_core_MimePart:filedata(path) end

---The file name that is sent.
---@param name? string|false none; nil: that of the file
---@return self # self
function multisock_core_MimePart:filename(name) end

---Headers of its own.
---@param list? string[] such as "X-Name: value"; nil: none
---@return self # self
function multisock_core_MimePart:headers(list) end

---The name of the form field.
---@param name? string nil: none
---@return self # self
function multisock_core_MimePart:name(name) end

---The content: parts. The mime belongs to this part from now on: no easy and no other part can have it.
---Raises when it is part of another mime, or would be of itself.
---@param mime? multisock.core.Mime|table a mime, or a list of parts as for core.mime; nil: none
---@return self # self
function multisock_core_MimePart:subparts(mime) end

---The content type.
---@param type? string nil: as libcurl decides
---@return self # self
function multisock_core_MimePart:type(type) end

---@class multisock.core.Url
local multisock_core_Url = {}

---Another URL of the same place.
---@param text string of which url_place says that it is that place, and that libcurl sends what is behind it as it is written
---@return multisock.core.Url # core.Url
function multisock_core_Url:beside(text) end

---A copy that changes on its own.
---@return multisock.core.Url # core.Url
function multisock_core_Url:dup() end

---One part of the URL. Flags: "default_port" "no_default_port" "default_scheme" "urldecode" "urlencode" and, of newer versions, "punycode" (7.88) "puny2idn" (8.3) "get_empty" (8.8) "no_guess_scheme" (8.9).
---@param part? string "url" (the default) "scheme" "user" "password" "options" "host" "port" "path" "query" "fragment" "zoneid"
---@param flags? string[]
---@return string? # string, nil when the URL has no such part; or nil, err
---@return multisock.Error?
function multisock_core_Url:get(part, flags) end

---Sets one part; setting "url" to a relative one resolves it.
---@param part string as for get
---@param value? string nil removes the part
---@param flags? string[]
---@return self? # self; or nil, err
---@return multisock.Error?
function multisock_core_Url:set(part, value, flags) end

---Ends the use of this object. May be called again. A transfer that was given the URL keeps it.
function multisock_core_Url:close() end

---@class multisock.core.Decoder
local multisock_core_Decoder = {}

---Decodes some bytes: 64 KiB and about 1 ms at most.
---@param bytes string
---@param first? integer where to begin in it, default 1
---@return string? # string, integer, boolean: the decoded bytes, which may be none; the first byte that was not taken; whether there is more to be had for the asking, even without bytes; or nil, string: a message, and then the decoder is closed
---@return integer|string
---@return boolean?
function multisock_core_Decoder:decode(bytes, first) end

---Whether the codings are complete, with length and checksum right where they have these, and nothing came after them.
---@return boolean # boolean
function multisock_core_Decoder:ended() end

---Ends the use of this object. May be called again.
function multisock_core_Decoder:close() end

---@class multisock.core
local multisock_core = {}

---Makes a decoder for bytes that came in these codings.
---@param codings string as in Content-Encoding, those of core.version().codings
---@return multisock.core.Decoder? # core.Decoder; or nil, string: a message when one of them is not known, or when they are more than 5
---@return string?
function multisock_core.decoder(codings) end

---Makes an easy handle.
---Raises on an unknown option or a value of the wrong type.
---@param options? table of options by name
---@return multisock.core.Easy? # core.Easy; or nil, err when libcurl refuses an option
---@return multisock.Error?
function multisock_core.easy(options) end

---How many easy handles are alive, for leak checks.
---@return integer # integer
function multisock_core.easy_count() end

---Makes an error object of a table, and returns the table. `message` and `url` come out as core.redact has them.
---@param fields table with at least `kind` and `message` (strings)
---@return table # table: the same, with the metatable of error objects
function multisock_core.error(fields) end

---Where phase and own flags decide, for documentation.
---@return table # list of {code, when, kind}
function multisock_core.error_refinements() end

---The table from libcurl's codes to kinds, for documentation and tests.
---@return table # list of {number=, code=, kind=, retryable=}
function multisock_core.error_table() end

---The fields of a form or a query, for what is usual: few names, with one value each.
---@param fields table
---@return string? # string, "a=1&b=2", names in alphabetical order; nil when it has to be looked at closely
function multisock_core.form(fields) end

---A date as HTTP writes it, in any of its three forms.
---@param text string
---@return number? # seconds since 1970; nil when it is none
function multisock_core.getdate(text) end

---The names that getinfo takes.
---@return string[] # list of strings
function multisock_core.infos() end

---Whether a standard stream is a terminal.
---@param fd integer 0, 1 or 2
---@return boolean # boolean
function multisock_core.is_terminal(fd) end

---Makes a libuv loop, or adopts the host's: then the host runs it, and on_turn and wake say when Lua gets its turn.
---Raises when that loop is of another copy of libuv.
---@param loop? lightuserdata the host's uv_loop_t *
---@return multisock.core.Loop? # core.Loop; or nil, err
---@return multisock.Error?
function multisock_core.loop(loop) end

---Makes a multipart body.
---@param easy? multisock.core.Easy as libcurl has it: not needed, any easy can be given the mime
---@param parts? table of tables as for addpart
---@return multisock.core.Mime # core.Mime
function multisock_core.mime(easy, parts) end

---Makes a multi handle: a connection pool with transfers.
---@param options? table as for multi:setopt
---@return multisock.core.Multi? # core.Multi; or nil, err
---@return multisock.Error?
function multisock_core.multi(options) end

---Every option of a multi that the running libcurl has.
---@return table # list of {name=, id=, type=}; the type is one of "long" "off_t" "list" "pointer" "function"
function multisock_core.multi_options() end

---How many files the process may open.
---@return integer? # integer; nil when there is no limit
function multisock_core.open_files() end

---Every option that the running libcurl has.
---@return table # list of {name=, id=, type=, reason=}; the type is one of "long" "values" "off_t" "object" "string" "list" "pointer" "blob" "function"; the reason tells why an option cannot be set from Lua, nil for those that can
function multisock_core.options() end

---What is known to be wrong with the libcurl that runs.
---@return table # table from the name of a fault to {issue = its number at curl's, effect = what may happen, remedy = what multisock does}; only those that this libcurl has
function multisock_core.quirks() end

---Makes a share handle.
---Raises on an unknown name.
---@param options? string|table a kind, or a table as for setopt, in which items without a name are kinds to share
---@return multisock.core.Share? # core.Share; or nil, err
---@return multisock.Error?
function multisock_core.share(options) end

---Parses a URL.
---Raises on an unknown flag.
---@param text? string nil: an empty one
---@param flags? string[] "default_scheme" "non_support_scheme" "path_as_is" "disallow_user" "urlencode" "guess_scheme" "no_authority" "allow_space"; "uri" is multisock's own: what no URI has is percent-encoded behind the host, a blank only with "urlencode"
---@return multisock.core.Url? # core.Url; or nil, err of kind "url", or of kind "curl" when a flag needs a newer libcurl
---@return multisock.Error?
function multisock_core.url(text, flags) end

---Whether all but the path of a URL is known.
---@param text string
---@param places table by what url_place says, what is known of these
---@return nil # what is known of its place; nil when that is nothing, or libcurl does not send what is behind it as it is written; and whether this text was asked about lately
function multisock_core.url_known(text, places) end

---What is before the path, where it is nothing but http or https, a name and a port: of URLs with the same libcurl need be asked only once.
---@param text string
---@return string # string; nothing when it is something else
function multisock_core.url_place(text) end

---A path, and perhaps a query, behind what stands before all that are written so.
---@param prefix string "http://host/folder/"
---@param text any
---@return string # string; nothing when it is something else, or not sent as it is written
function multisock_core.url_under(prefix, text) end

---The versions that run, not those it was built with.
---@return table # table: multisock, lua, curl, curl_number, ssl, quic (nil without HTTP/3), cainfo and capath (where it looks for authorities by default, nil: nowhere), uv, protocols (list), features (set), codings (list: the content codings that fetch undoes)
function multisock_core.version() end

---@type integer
multisock_core.CHUNK_BGN_FUNC_SKIP = 0
---@type integer
multisock_core.KHSTAT_DEFER = 0
---@type integer
multisock_core.KHSTAT_FINE = 0
---@type integer
multisock_core.KHSTAT_FINE_ADD_TO_FILE = 0
---@type integer
multisock_core.KHSTAT_FINE_REPLACE = 0
---@type integer
multisock_core.KHSTAT_REJECT = 0
---@type integer
multisock_core.PAUSE_ALL = 0
---@type integer
multisock_core.PAUSE_CONT = 0
---@type integer
multisock_core.PAUSE_RECV = 0
---@type integer
multisock_core.PAUSE_SEND = 0
---@type integer
multisock_core.READFUNC_ABORT = 0
---@type integer
multisock_core.READFUNC_PAUSE = 0
---@type integer
multisock_core.SOCKOPT_ALREADY_CONNECTED = 0
---@type integer
multisock_core.WRITEFUNC_PAUSE = 0
return multisock_core
