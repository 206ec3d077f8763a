---@meta multisock
-- Written by script/docs, for lua-language-server.

---@class multisock.Client
local multisock_Client = {}

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock_Client:delete(url, options) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock_Client:fetch(url, options) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock_Client:get(url, options) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock_Client:head(url, options) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock_Client:options(url, options) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock_Client:patch(url, options) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock_Client:post(url, options) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock_Client:put(url, options) end

---As ms.map, with this client.
---Raises what fn raised, after the rest was cancelled.
---@param items table|function as for ms.map
---@param fn? fun(item: any, i: integer): any, any as for ms.map
---@param options? multisock.MapOptions
---@return table # table, table: results and errors, by the item's index; results.n is the count
---@return table
function multisock_Client:map(items, fn, options) end

---As ms.to_curl, with this client's defaults.
---Raises on misuse.
---@param what string|table as for ms.to_curl
---@param options? multisock.Options as for ms.to_curl
---@return string? # string; or nil, err
---@return multisock.Error?
function multisock_Client:to_curl(what, options) end

---As ms.each, with this client.
---@param items table|function as for ms.map
---@param fn? fun(item: any, i: integer): any, any as for ms.map
---@param options? multisock.MapOptions
---@return multisock.Each # multisock.Each, an iterator
function multisock_Client:each(items, fn, options) end

---As ms.download, with this client.
---@param source string|string[] as for ms.download
---@param path string
---@param options? multisock.DownloadOptions
---@return {path: string, size: integer, resumed_from: integer, sha256: string}? # {path: string, size: integer, resumed_from: integer, sha256: string}; or nil, err
---@return multisock.Error?
function multisock_Client:download(source, path, options) end

---Asks for a list that a server gives page by page: `for page in client:pages(url) do ... end`.
---Raises the err table of what failed.
---@param url string of the first page
---@param options? multisock.Options and `next`: `"link"` (the default): the next page is what `Link` says with `rel="next"`, or a function(response) that returns its URL, nil after the last; and `max`: so many pages at most
---@return fun(): any, any # iterator of responses
function multisock_Client:pages(url, options) end

---As ms.eventsource, with this client.
---Raises on misuse.
---@param url string
---@param options? multisock.EventSourceOptions
---@return multisock.EventSource # multisock.EventSource, an iterator of events
function multisock_Client:eventsource(url, options) end

---As ms.websocket, with this client.
---@param url string as for ms.websocket
---@param options? multisock.WebSocketOptions
---@return multisock.WebSocket? # multisock.WebSocket; or nil, err
---@return multisock.Error?
function multisock_Client:websocket(url, options) end

---Sends a request whose body is written while its answer is read: streams.md.
---Raises on misuse.
---@param method string
---@param url string
---@param options? multisock.Options but for a body, and `max_size`: bytes that are read up to a mark, at most (1 MiB)
---@return multisock.Duplex # multisock.Duplex
function multisock_Client:duplex(method, url, options) end

---What it is doing now, and has done: a table of counts, made in a moment. Of a client with an agent only `requests` and `retries` are known.
---@return multisock.Stats # multisock.Stats
function multisock_Client:stats() end

---Forgets all connections, and what names were resolved to: to be called when the network is another one. Transfers that run go on; their connections are closed when they are done.
function multisock_Client:network_changed() end

---Ends its transfers and closes its connections. May be called again.
function multisock_Client:close() end

---@class multisock.Response
---@field status integer 0 where a protocol has none (`file:`)
---@field ok boolean status 200 to 299
---@field status_text string reason phrase; `""` when there is none, as in HTTP/2
---@field url string of this answer; user name and password removed
---@field redirected boolean whether redirects were followed
---@field history table of the redirects that led here, as responses, oldest first; do not read their bodies
---@field http_version string `"1.0"`, `"1.1"`, `"2"`, `"3"`: what the server answered with
---@field headers multisock.Headers see below
---@field links table by `rel` what `Link` points to: `links.next.url`, see Links
---@field trailers multisock.Headers empty until the body has ended
---@field attempts integer how often the request was sent, see Kept connections
---@field cached? string `"fresh"`, `"revalidated"`, `"stale"`: it came out of the cache
---@field peer? string `"address:port"` of the other end, `"[address]:port"` for IPv6
---@field timings multisock.Timings seconds: `queue dns connect tls first_byte total`
---@field request? any what it answers, for ms.to_curl
---@field sizes multisock.Sizes bytes: `body` (as received, before decoding), `upload`, `headers`, `request`
local multisock_Response = {}

---The whole body; it is kept, so this may be called again.
---@return string? # string; or nil, err (kind "timeout", "closed", "too_large", ...)
---@return multisock.Error?
function multisock_Response:text() end

---The body, decoded as JSON; null is ms.null. (With `json_codec` it is what that has for them.).
---@return any? # value; or nil, err (kind "protocol" when it is no JSON)
---@return multisock.Error?
function multisock_Response:json() end

---Some of the body: without a number what has come, as soon as something has; else so many bytes, fewer only at its end.
---@param count? integer
---@return string? # string; nil at the end; nil, err when it did not end well
---@return multisock.Error?
function multisock_Response:read(count) end

---Writes the body to a file. A file that is there is replaced when all has come, and keeps its mode; after an error nothing has changed. A device or a pipe is written to as it comes.
---@param path string
---@return integer? # bytes written; or nil, err (kind "io" when the file fails)
---@return multisock.Error?
function multisock_Response:save(path) end

---Reads the rest of the body and drops it, so that the connection can be used again.
---@param most? integer bytes; when there is more, the transfer is closed instead
---@return true? # true; or nil, err
---@return multisock.Error?
function multisock_Response:discard(most) end

---Reads what is left of a body that nobody wants, so that the connection can be used again, unless it is long (64 KiB) or slow (1 s): then the connection is dropped.
function multisock_Response:drain() end

---Iterates over the body as it arrives.
---Raises the err table when the body does not end well.
---@param most? integer bytes of a chunk at most
---@return fun(): string? # iterator of strings
function multisock_Response:chunks(most) end

---Iterates over lines, without their "\n" or "\r\n".
---Raises the err table when the body does not end well, or (kind "too_large") a line is longer.
---@param options? {max_size?: integer} bytes of a line at most (1 MiB)
---@return fun(): string? # iterator of strings
function multisock_Response:lines(options) end

---Iterates over server-sent events: streams.md. An event that the body ends in is dropped.
---Raises the err table when the body does not end well, or (kind "closed") ends without what `done` says, or (kind "too_large") an event is larger, or (kind "protocol") is no JSON.
---@param options? multisock.EventOptions
---@return fun(): multisock.ServerEvent? # iterator of events
function multisock_Response:events(options) end

---Iterates over records of JSON, one a line (NDJSON): streams.md. Empty lines are passed over; null is ms.null.
---Raises the err table when the body does not end well, or (kind "protocol") a line is no JSON, or (kind "too_large") longer.
---@param options? {max_size?: integer} bytes of a record at most (1 MiB)
---@return fun(): any # iterator of values
function multisock_Response:records(options) end

---Ends the transfer when it still runs; what was not read is gone. May be called again.
function multisock_Response:close() end

---@class multisock.Headers
---@field [string] string?
local multisock_Headers = {}

---Iterates over name, value in the order of arrival, names as they came.
---@return fun(): any, any # iterator
function multisock_Headers:each() end

---The value of a field, whatever its case; of several their values, joined by ", ".
---@param name string
---@return string? # string; nil when there is none
function multisock_Headers:get(name) end

---All values of a field, in the order of arrival.
---@param name string
---@return table # list, empty when there is none
function multisock_Headers:get_all(name) end

---@class multisock.Request
---@field method string
---@field url string user name and password removed; what is assigned may be relative to it
---@field headers multisock.Headers `request.headers["X-Name"] = value`, a list of values, or nil; read as those of responses
---@field body? any a string, or what else the option `body` takes; of a body that is no string what stands here is opaque
---@field meta any the option `meta`, or an empty table: to pass things on
---@field attempt integer of `each_attempt` and agents: 1, 2, ...; only read
local multisock_Request = {}

---Makes its body start again. A request that is sent a second time does so itself.
---@return true? # true; or nil, string: why not
---@return string?
function multisock_Request:replay() end

---@class multisock.Task
local multisock_Task = {}

---Waits for the task.
---Raises what it raised.
---@return any ... # ... its results
function multisock_Task:await() end

---The same, never raising what the task raised.
---@return boolean|false # boolean, ... true and its results; or false, err
---@return ...|multisock.Error
function multisock_Task:join() end

---Ends the task now, unless its cleanup waits: what it waits for raises an error of kind "cancelled", once.
---@param reason? any a string, or an error object that says why
---@return true|false # true; false when it had ended already
function multisock_Task:cancel(reason) end

---How far it is: "ready" (will run), "running", "waiting", "done", "failed" or "cancelled".
---@return string # string
function multisock_Task:status() end

---Calls `fn(ok, ...)` when the task ends (at once when it has). It may not wait.
---@param fn fun(ok: boolean, ...: any)
---@return self # self
function multisock_Task:on_done(fn) end

---@class multisock.Group
local multisock_Group = {}

---Starts a task in the group.
---@param fn function
---@param ... any what it is called with
---@return multisock.Task # task
function multisock_Group:spawn(fn, ...) end

---Cancels every task of the group but the one that calls.
---@param reason? any
function multisock_Group:cancel(reason) end

---@class multisock.Queue
---@field count integer values in it; `#queue` where Lua has it for tables
local multisock_Queue = {}

---Adds a value; waits while the queue is full.
---Raises when the queue is closed.
---@param value any but nil
function multisock_Queue:put(value) end

---Takes the oldest value; waits while the queue is empty.
---@return any? # value; nil when it is closed and empty
function multisock_Queue:get() end

---No more can be put; what is in it can still be taken. May be called again.
function multisock_Queue:close() end

---@class multisock.Jar
local multisock_Jar = {}

---What a request for this URL would have as its `Cookie` header.
---@param url string
---@return string? # string; nil: nothing; or nil, err (kind "url")
---@return multisock.Error?
function multisock_Jar:get(url) end

---Keeps what a server at this URL would set by this line.
---@param url string
---@param line string as behind `Set-Cookie: `
---@return true? # true; or nil, err: kind "url", or "policy" when it may not set that
---@return multisock.Error?
function multisock_Jar:set(url, line) end

---Forgets all cookies.
function multisock_Jar:clear() end

---Writes all cookies, those of the session, too, into a file that nobody else may read, all or nothing.
---@param path? string instead of that of ms.cookies
---@return true? # true; or nil, err (kind "io")
---@return multisock.Error?
function multisock_Jar:save(path) end

---Iterates over copies of its cookies: `for cookie in jar:each()`.
---@return fun(): any, any # iterator
function multisock_Jar:each() end

---Saves what has changed, where it has a path, and ends. May be called again.
---@return true? # true; or nil, err (kind "io"), and it is still open
---@return multisock.Error?
function multisock_Jar:close() end

---@class multisock.Mock
local multisock_Mock = {}

---Answers a request: what a client calls whose `agent` this is.
---Raises when no route is for it.
---@param request multisock.Request
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock_Mock:perform(request) end

---What it was asked, in order.
---@param url? string those alone that this is for, as the `url` of a route
---@return multisock.Call[] # multisock.Call[] a list of its own
function multisock_Mock:calls(url) end

---Whether all that the routes have was asked for: each as often as its `times`, or, without, once for each of its answers.
---Raises naming what was not.
function multisock_Mock:assert_done() end

---Runs `fn` and all that it spawned, as ms.run, with a clock of its own: nothing waits in earnest, and what is sent without an agent raises.
---Raises as ms.run; when every task waits for a manual clock.
---@param fn function
---@param ... any what it is called with
---@return any ... # ... fn's results
function multisock_Mock:run(fn, ...) end

---Moves a manual clock, in a task of `mock:run`: what is due meanwhile happens in its order. It returns when that has run and waits again.
---@param seconds number
function multisock_Mock:advance(seconds) end

---@class multisock.Each
local multisock_Each = {}

---Cancels what still runs. May be called again.
function multisock_Each:close() end

---@class multisock.Duplex
local multisock_Duplex = {}

---Sends some of the body. Waits while what was written before has not been taken.
---@param data string
---@return true? # true; or nil, err when the server takes no more, or there is no connection
---@return multisock.Error?
function multisock_Duplex:write(data) end

---The body ends here. What was written is sent. May be called again.
function multisock_Duplex:finish() end

---Waits for the headers of the answer, which may come while the body is sent.
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock_Duplex:response() end

---Reads some of the answer's body, whose headers it waits for. The last piece may be shorter, or lack the mark.
---@param what? integer|string so many bytes; or a mark such as `"\n"`, up to which it is read and which is left out; without it what is there
---@return string? # string; nil at the end; nil, err
---@return multisock.Error?
function multisock_Duplex:read(what) end

---Ends it, whatever is still to be sent or read. May be called again.
function multisock_Duplex:close() end

---@class multisock.EventSource
local multisock_EventSource = {}

---Waits for the next event; meanwhile it connects as often as that takes.
---@return multisock.ServerEvent? # multisock.ServerEvent; nil when the source was closed, or `done` has come; nil, err when no connection is tried any more
---@return multisock.Error?
function multisock_EventSource:read() end

---Ends its connection, and whoever waits for an event: `read` returns nil. May be called again.
function multisock_EventSource:close() end

---@class multisock.WebSocket
---@field url string user name and password removed
---@field subprotocol? string which of the option `subprotocols` the server speaks
---@field response multisock.Response of the handshake, for its headers; it has no body
local multisock_WebSocket = {}

---Sends a message. Returns when it is on its way: while more than `high_water` bytes wait to be sent, this waits, too.
---Raises on misuse, and when the task is cancelled.
---@param data string|fun(): string? a function gives its pieces, and nil at the end: they are sent as they come
---@param kind? "text"|"binary" the default is "text", which has to be UTF-8
---@return true? # true; or nil, err once it is closed
---@return multisock.Error?
function multisock_WebSocket:send(data, kind) end

---Waits for the next message.
---Raises when the task is cancelled.
---@return string? # string, string: the message, and "text" or "binary"; or nil, err: of kind "closed" when it was closed, with `close_code` and `reason`
---@return string|multisock.Error
function multisock_WebSocket:receive() end

---Iterates over the messages: `for data, kind in ws:messages() do ... end`. Ends when the WebSocket is closed with 1000 or 1001.
---Raises the err table when it ends otherwise.
---@return fun(): any, any # iterator of string, string
function multisock_WebSocket:messages() end

---Asks whether the other end is there, and waits for its answer (which is read when the messages before it are received, if there are many).
---Raises when the task is cancelled.
---@return number? # number: seconds that it took; or nil, err once it is closed
---@return multisock.Error?
function multisock_WebSocket:ping() end

---Closes it: says so to the other end, which has 5 seconds to say so, too. Returns at once; a task of who calls waits for that, so that `ms.run` does not end before. (On the main chunk, outside of `ms.run`, this waits by itself.) May be called again.
---@param code? integer the default is 1000
---@param reason? string of 123 bytes at most
function multisock_WebSocket:close(code, reason) end

---@class multisock.Error
---@field kind string what to decide by; the list is in errors.md
---@field message string libcurl's own words where it has some
---@field code? string libcurl's code, such as `"CURLE_COULDNT_CONNECT"`
---@field number? integer libcurl's code, such as 7
---@field url? string user name and password removed
---@field phase? string `"queue" "resolve" "connect" "tls" "send" "wait" "receive"`: how far it came
---@field retryable boolean whether trying again, unchanged, may succeed; false when that might do twice what a POST or PATCH does, of which bytes were sent
---@field attempts? integer how often the server may have got the request, or a part of it; 1 at least. See Kept connections
---@field timings? multisock.Timings as in a response
---@field response? multisock.Response when headers had arrived
---@field request? any the request that failed, for ms.to_curl
---@field reason? any of kind `"cancelled"`: what was given to `cancel`; of a WebSocket that was closed, what was said with `close_code`
---@field close_code? integer with which a WebSocket was closed
---@field traceback? string where the task was that met it, when it was raised

---@class multisock.Event
---@field name string the event
---@field time number when it was: seconds of `ms.now()`
---@field call integer a number of the call, the same for all its redirects and retries
---@field attempt integer how often the call has sent something so far; 0 before the first time
---@field method string
---@field url string user name and password removed
---@field meta table the option `meta`
---@field request any what was asked, for ms.to_curl
---@field response? multisock.Response of `headers`, `redirect`, `retry`, `response` and `done`
---@field err? multisock.Error of `error`, `retry` and `done`
---@field to? string of `redirect`: the URL
---@field waits? string what it waits for from now on: `"throttle"`, `"queue"` (a free place under `limits`), `"connection"`, `"send"`, `"server"`, `"body"`, `"retry"`
---@field waited_for? string what it has waited for until now
---@field waited number how long: seconds since the event before, of this call
---@field delay? number of `retry` and `throttle`: seconds that it will wait at least
---@field reused? boolean of `connect`: the connection was there
---@field peer? string of `connect`: `"address:port"`
---@field timings? multisock.Timings of `connect` and `done`
---@field sizes? multisock.Sizes of `done`
---@field websocket? multisock.WebSocketEnd of `done` of a WebSocket
---@field direction? string of `message`: `"sent"` or `"received"`
---@field kind? string of `message`: `"text"` or `"binary"`
---@field size? integer of `message`: bytes
---@field message? string of `message`; nil: it was sent in pieces

---@class multisock.Progress
---@field down integer bytes so far, before decoding
---@field up integer bytes of the body so far
---@field down_total? integer
---@field up_total? integer
---@field speed number bytes a second, mean
---@field eta? number seconds that are left

---@class multisock.Timings
---@field queue number the wait for a connection
---@field dns number until the name was known
---@field connect number until the connection stood; 0 when it was there
---@field tls number until TLS stood; 0 when it did
---@field first_byte number until the answer began
---@field total number until now, or the end

---@class multisock.Sizes
---@field body integer as received, before decoding
---@field upload integer
---@field headers integer
---@field request integer

---@class multisock.MapOptions
---@field concurrency? integer items in work at once (64), or math.huge
---@field on_error? "continue"|"stop" `"stop"`: the first `nil, err` cancels the rest
---@field progress? fun(done: integer, total: integer?) after each item; no total of an iterator

---@class multisock.Json
---@field encode fun(value: any): string raises on what JSON cannot say
---@field decode fun(text: string): any, multisock.Error? the value; or nil, err
---@field null any as ms.null

---@class multisock.Cookie
---@field name string
---@field value string
---@field domain string
---@field host_only boolean whether names below the domain do not get it
---@field path string
---@field secure boolean whether it goes over TLS alone
---@field http_only boolean
---@field expires? number seconds since 1970; nil: when the session ends

---@class multisock.MockOptions
---@field routes? multisock.Route[]|fun(request: multisock.Request): any, any a list of which the first answers that a request is for; or a function that answers all
---@field faults? multisock.Fault[] what goes wrong: the first that comes upon a request
---@field seed? integer of all chance: `faults`, ranges of `delay`, and in `mock:run` also that of retries (0)
---@field clock? "virtual"|"manual" how time passes in `mock:run`: by itself, when every task waits for it (the default), or by `mock:advance`

---@class multisock.Route
---@field method? string without it any
---@field url? string `"https://h/users/*"`: `*` is any characters; one that begins with `/` is for every host; without a `?` any query will do
---@field query? table<string, any> parameters that it has: a value, a list of them, `true`: any, `false`: it is not there
---@field match? fun(request: multisock.Request): boolean asked last
---@field reply? multisock.Reply|multisock.Reply[]|fun(request: multisock.Request, count: integer): any, any an answer (an empty 200 without it); a list, whose last repeats; or a function that returns one, a response, or nil, err
---@field times? integer it answers so often, then the routes behind it are looked at

---@class multisock.Reply
---@field status? integer 200
---@field headers? table as of requests
---@field body? string|table a list comes piece by piece, and a number in it is a silence of so many seconds; `math.huge`: for ever
---@field json? any the body, as the option `json`
---@field delay? number|table seconds before it answers; `{least, most}`: by chance; `math.huge`: never
---@field connect? number|table as `delay`: seconds until the connection stands, before anything of the request is sent
---@field fail? string there is no answer but an error of this kind: `resolve connect proxy tls timeout closed protocol too_large`
---@field at? integer with `fail`: there is one, and its body breaks off after so many bytes

---@class multisock.Fault
---@field status? integer and `headers`, `body`, `json`, `delay`, `connect`, `fail`, `at` as of an answer
---@field ratio? number of so many of the requests it is for, by the seed (1: all)
---@field times? integer so often at most
---@field method? string as of a route
---@field url? string as of a route
---@field query? table<string, any> as of a route
---@field match? fun(request: multisock.Request): boolean as of a route

---@class multisock.Call
---@field method string
---@field url string
---@field headers multisock.Headers as it was sent
---@field body? string all of it; nil also when no connection stood
---@field at number ms.now() when it came
---@field route? string which route answered: `"routes[2]"`
---@field fault? string what went wrong instead: `"faults[1]"`

---@class multisock.EventOptions
---@field max_size? integer bytes of an event's data, and of a line, at most (1 MiB)
---@field done? string|fun(event: multisock.ServerEvent): boolean the data of the event that is the last one, such as `"[DONE]"`, or a function that knows it. It is not given; an end without it raises (kind "closed")
---@field json? boolean decodes the data of each event; what is no JSON raises (kind "protocol")

---@class multisock.ServerEvent
---@field type string `"message"` where it has none
---@field data any string, its lines joined by `"\n"`; with `json` what that decodes to
---@field id string the last one that came; `""` before
---@field retry? number seconds that the server wants between two connections, as it has said last

---@class multisock.Stats
---@field requests integer sent so far, each redirect and each retry among them
---@field retries integer of these, what `retry` has sent again
---@field sent integer bytes of requests, heads and bodies, as HTTP/1.1 has them, of transfers that have ended
---@field received integer bytes of answers likewise, before decoding
---@field active integer on their way now; also answers whose body is not read yet
---@field waiting integer for a free place under `limits`
---@field connections integer in use now
---@field idle integer connections that are kept for the next request; some may be closed by now
---@field origins integer that the client knows

---@class multisock.WebSocketEnd
---@field close_code integer 1005: none was given, 1006: the connection ended without a close
---@field reason string what was given with the code; `""`: nothing
---@field sent integer messages
---@field sent_bytes integer of messages that were sent, without frames
---@field received integer messages
---@field received_bytes integer of messages that have come, without frames

---@class multisock.OAuth2
---@field token_url string where tokens are got
---@field client_id string who asks
---@field client_secret? string not of a public client
---@field auth? "basic"|"body" how id and secret are sent: as Basic credentials (the default), or in the form
---@field scope? string
---@field params? table<string, string> more fields of the form, such as `audience`
---@field refresh_token? string tokens are got for this one, which may be replaced by each answer; without it by the client's own credentials
---@field origins? string[] URLs: the token goes to their origins (scheme, host, port) and no others; without it to that of the client's `base_url`
---@field store? table `load`, a function that is called once, and `save`, called with each new `{access_token =, refresh_token =, expires_at =}`

---@class multisock.Part
---@field name string of the field
---@field value? string|number|boolean sent as text
---@field file? string path of a file, opened when it is sent
---@field body? any what the option `body` takes: Bodies
---@field filename? string|false the name that the server is told; of a `file` the last part of its path, unless `false`
---@field type? string content type; `application/octet-stream` of a `file`, and of what has a `filename`
---@field headers? table<string, string|number> more header fields of this part

---@class multisock.Options
---@field allow_private? boolean `false` connects to public addresses alone: Private addresses
---@field auth? multisock.Auth|false who you are, `false`: nobody: Authentication
---@field body? string|string[]|fun(): string?|file*|table what is sent: Bodies
---@field buffer? boolean the response is handed over with its whole body; one that fails is `nil, err`, which `retry` covers, and `timeout.attempt` the time until its end
---@field cache? boolean|multisock.Cache|"default"|"no-store"|"reload"|"no-cache"|"force-cache"|"only-if-cached" keeps answers and gives them again while they are good: cache.md
---@field connect_to? string[] `"host:port:host2:port2"`: connects elsewhere, `CURLOPT_CONNECT_TO`
---@field cookies? false|multisock.Jar a jar that keeps them: state.md
---@field curl? table<string, any> `option = value`: libcurl's own: Options of libcurl
---@field decompress? boolean asks for content codings and undoes them: Content codings
---@field doh_url? string name lookup over HTTPS at this URL
---@field fail_on_error? boolean a status of 400 or more is `nil, err`; `err.response` is the answer
---@field form? table<string, any> sent as a form, `application/x-www-form-urlencoded`; values as for `query`
---@field headers? table<string, string|number|false|(string|number)[]>|multisock.Headers `name = value`, or `name = {values}` to send several; strings or numbers; `name = false`: not what the client has
---@field high_water? integer unread body held before the transfer is paused; also what is decoded ahead of the reader
---@field http_version? "1.0"|"1.1"|"2"|"2-prior-knowledge"|"3" see HTTP versions
---@field interface? string name or address of the local end
---@field json? any sent as JSON, `Content-Type: application/json`; null is `ms.null`, `ms.array({})` an empty array
---@field json_codec? table|false `{encode = function, decode = function}`: JSON of another library, for the option `json` and `response:json()`: json.md
---@field max_body? integer largest body that is buffered whole, decoded; `math.huge`, or 0: no limit
---@field max_headers? integer largest header block of an answer
---@field max_redirects? integer more is `nil, err`
---@field meta? any kept with the request; nothing else looks at it
---@field method? string in place of the call's; GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS may be in lower case
---@field multipart? multisock.Part[] sent as a form of parts, such as files: Multipart
---@field netrc? boolean|string|multisock.Netrc user and password from a file: `true` (`~/.netrc`), its path, or a table: Authentication
---@field no_proxy? string[] hosts that are asked without the proxy: names, which stand for what is below them, too, addresses, blocks (`10.0.0.0/8`), and `*`
---@field progress? fun(progress: multisock.Progress) see Progress
---@field protocols? string[] URL schemes that are allowed, for redirects too: protocols.md
---@field proxy? string|false URL of a proxy; `false`: none, whatever the environment says
---@field query? false|table<string, any> added to the URL, encoded: strings, numbers, booleans, lists; `false`: nothing
---@field redirect? "follow"|"error"|"manual" `"error"`: a redirect is `nil, err`; `"manual"`: it is the response
---@field resolve? string[] `"host:port:address"`: addresses for names, see below
---@field retry? boolean|integer|multisock.Retry sends again what failed: `true`, how often, or a table: resilience.md
---@field sensitive_headers? string[] headers that a redirect to another origin loses, in place of the default list
---@field throttle? false|multisock.Throttle|multisock.Throttle[] so many starts in a time, for each host: resilience.md
---@field timeout? number|multisock.Timeout seconds: a number limits all of it
---@field tls? multisock.Tls see TLS
---@field trust_env? boolean takes from the environment the proxy when `proxy` is not given, and the authorities when `tls` names none
---@field unix_socket? string connects to the Unix socket with this path; the URL still gives `Host` and path

---@class multisock.Auth
---@field aws_sigv4? multisock.Sigv4 signs the request for AWS
---@field basic? string[] `{user, password}`
---@field bearer? string a token
---@field digest? string[] `{user, password}`, of which the server gets a digest (RFC 7616)
---@field negotiate? boolean `true`: Kerberos, as the user whose ticket the system has (RFC 4559)

---@class multisock.Sigv4
---@field access_key? string the key's id
---@field region? string `"eu-west-1"`
---@field secret_key? string the key
---@field service? string `"s3"`, `"execute-api"`
---@field session_token? string the token that comes with a temporary key

---@class multisock.Cache
---@field coalesce? boolean of requests that are equal, while the first one runs, no other is sent
---@field max_size? integer bytes of all answers; what was not used for the longest time goes. A body may have an eighth of it
---@field path? string a folder, in place of memory; other processes may have the same

---@class multisock.Netrc
---@field cleartext? boolean `true`: also for what is not encrypted, as `http` and `ftp`
---@field path? string the file

---@class multisock.Retry
---@field backoff? number|fun(try: integer, response: multisock.Response?, err: multisock.Error?): number? seconds: before each retry a random time of at most so many, which double each time; or a function that says how long, nil: no more
---@field breaker? boolean|multisock.Breaker `true`, or a table: does not ask an origin that fails too often
---@field budget? number retries of a client in 10 s, as a share of its requests in these; 10 more are free, and so is what the server has asked for. `math.huge`: no limit
---@field idempotency_key? boolean|string a header (`true`: `Idempotency-Key`) with one random key on all tries; POST and PATCH are sent again then, too
---@field limit? integer tries after the first
---@field max_delay? number seconds that are waited at most; a server that asks for more is not asked again
---@field methods? string[] of others only what the server has certainly not got is sent again
---@field respect_retry_after? boolean heeds `Retry-After`, `retry-after-ms` and `x-should-retry` of an answer
---@field statuses? integer[] answers that are asked for again

---@class multisock.Breaker
---@field min? integer requests in `window` below which it does not open
---@field open? number seconds for which nobody is sent
---@field ratio? number the share of failures that opens it
---@field window? number seconds that are counted

---@class multisock.Throttle
---@field adaptive? table `{min = , max = }`, starts a second: faster while answers are good, half as fast after 429 and 503
---@field burst? integer starts that may follow each other at once; the rest is spread over the window
---@field key? "host"|"all"|fun(request: multisock.Request): any, table? what is counted together: each host, all, or what a function says; nil: not counted
---@field limit? integer starts in any window of `per` seconds
---@field per? number seconds

---@class multisock.Timeout
---@field attempt? number one try, from the end of its waiting in the queue to the headers of its answer, or to the end of its body (`buffer`, `map`, `each`); each retry is another one
---@field connect? number name lookup, connecting and TLS together; a reused connection needs none
---@field first_byte? number silence between the connection, or the last byte sent, and the answer's headers; interim answers (1xx) do not end it
---@field idle? number silence while somebody waits for the body
---@field queue? number waiting for a free place under `limits`, and for `throttle`
---@field total? number the whole: waiting, every redirect, the body, and pauses of the one who reads it

---@class multisock.Tls
---@field ca? string file with the authorities to trust, PEM: these and no others
---@field ca_path? string folder with them (`openssl rehash`), alone or beside `ca`
---@field cert? string file with the client certificate
---@field key? string file with its key
---@field min_version? "1.0"|"1.1"|"1.2"|"1.3" the oldest version that is accepted
---@field password? string the key's password
---@field pinned_public_key? string `CURLOPT_PINNEDPUBLICKEY`: a file, or `"sha256//..."`
---@field verify? boolean `false` accepts any certificate and any host name

---@class multisock.ClientOptions: multisock.Options
---@field agent? table|fun(request: multisock.Request): multisock.Response?, any performs in the place of the network: a function, or an object with `:perform(request)` and perhaps `:close()`
---@field base_url? string stands before every URL that is no absolute one: `https://h/v1` and `/users` is `https://h/v1/users`
---@field each_attempt? function[] functions that a request passes each time that it is sent, also for each redirect and retry; signing belongs here
---@field limits? multisock.Limits how much at once
---@field middleware? function[] functions that each call passes once, outside of all else
---@field on? table<string, fun(event: multisock.Event)> functions that are told of what happens, by event

---@class multisock.Limits
---@field connections? integer connections at once; who finds no descriptor left waits for one as long as `timeout.connect` allows
---@field host_connections? integer to one scheme, origin and port
---@field idle? integer idle connections that are kept
---@field requests? integer requests at once, whatever carries them; one ends with its body
---@field streams? integer requests at once on one HTTP/2 connection

---@class multisock.DownloadOptions: multisock.Options
---@field checksum? string `"sha256:HEX"`: what the whole file has to have
---@field fsync? boolean what is written is on the disk before it counts: it survives a loss of power
---@field progress? fun(progress: multisock.Progress) is told how far it is, 10 times a second at most
---@field resume? boolean goes on with what an earlier download has left; `false`: begins anew
---@field segments? integer so many connections at once, for a large file whose size and version the server tells; from others one
---@field tries? integer how often in a row it goes on after a cut without anything gained; 0: never

---@class multisock.EventSourceOptions: multisock.Options
---@field done? string|fun(event: multisock.ServerEvent): boolean the data of the last event, or a function that knows it: then the source ends
---@field json? boolean decodes the data of each event
---@field last_event_id? string the id of the last event that an earlier run has seen: the server goes on behind it
---@field max_size? integer bytes of an event at most
---@field reconnect? number seconds between two connections, until the server says another time (`retry:`)
---@field tries? integer so many connections in a row that bring no event are tried again; 0: none is

---@class multisock.WebSocketOptions: multisock.Options
---@field max_size? integer largest message that is received; `math.huge`: no limit
---@field subprotocols? string[] what to speak over it, the best first: the server has to choose one

---@class multisock
---@field _VERSION string "multisock X.Y.Z".
---@field json multisock.Json The JSON that is in use. Read-only.
---@field null any JSON's null, as response:json() gives it and the option `json` takes it.
local multisock = {}

---Marks a table as a list, so that JSON has it as an array when it is empty.
---@param list table
---@return table # list
function multisock.array(list) end

---`assert` for every Lua: raises the error object itself.
---@param value any
---@param err? any
---@param ... any
---@return any # value, any, ...
---@return any
---@return any ...
function multisock.assert(value, err, ...) end

---Makes a client: its own defaults, connections and limits.
---Raises on an unknown option.
---@param options? multisock.ClientOptions
---@return multisock.Client # client
function multisock.client(options) end

---Makes a cookie jar, for the option `cookies`: state.md.
---@param path? string a file in the format of Netscape's and curl's; loaded when it is there, and saved by `:save()` and `:close()`
---@return multisock.Jar? # jar; or nil, err (kind "io") when the file cannot be read
---@return multisock.Error?
function multisock.cookies(path) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock.delete(url, options) end

---Downloads a file: streams it to `path .. ".part"`, goes on by itself after a cut and in a later call where it was left, and renames it when all is there and right.
---Raises on misuse, what `progress` raised, and when the task is cancelled.
---@param source string|string[] a URL, or several of the same file
---@param path string where it is to be; what is there is replaced
---@param options? multisock.DownloadOptions
---@return {path: string, size: integer, resumed_from: integer, sha256: string}? # {path: string, size: integer, resumed_from: integer, sha256: string}: bytes, how many of them an earlier call had left, hexadecimal digits; or nil, err
---@return multisock.Error?
function multisock.download(source, path, options) end

---The same, in order of arrival: `for i, value, err in ms.each(...)`. Leaving the loop early cancels what still runs (by `break` in Lua 5.4; elsewhere call :close() on the first value that `each` returns). Several tasks may take from one, each result comes once.
---@param items table|function as for map
---@param fn? fun(item: any, i: integer): any, any as for map
---@param options? multisock.MapOptions
---@return multisock.Each # multisock.Each, an iterator
function multisock.each(items, fn, options) end

---The text as it stands in a URL: all but letters, digits and `-._~` as `%XX`.
---@param text string|number
---@return string # string
function multisock.escape(text) end

---Server-sent events of a URL: `for event in ms.eventsource(url) do`. When its connection ends it connects again, and the server goes on behind the last event: streams.md.
---Raises on misuse.
---@param url string
---@param options? multisock.EventSourceOptions
---@return multisock.EventSource # multisock.EventSource, an iterator of events
function multisock.eventsource(url, options) end

---A descriptor that is readable when ms.step has something to do.
---@return integer? # descriptor; nil where the system has none
function multisock.fd() end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock.fetch(url, options) end

---A command line of `curl` as a request: `ms.fetch(ms.assert(ms.from_curl(text)))`.
---@param text string as browsers copy it; quotes as in sh
---@return string? # string, multisock.Options: URL and options; or nil, err that names what cannot be had
---@return multisock.Options|multisock.Error
function multisock.from_curl(text) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock.get(url, options) end

---Structured concurrency: returns when every child has ended; the first failure cancels the others and is raised.
---Raises what fn or a child raised first.
---@param fn fun(group: multisock.Group): any which starts them with group:spawn
---@return any ... # ... fn's results
function multisock.group(fn) end

---Makes an agent that records what passes as HAR 1.2, secrets removed, or one that answers what was recorded: seeing.md.
---@param path string of the file; the user alone may read it
---@param mode "record"|"replay"
---@param agent? function|table who performs what is recorded; else the network
---@return nil # agent for `ms.client{agent = }`; or nil, err (kind "io" or "protocol")
---@return multisock.Error
function multisock.har(path, mode, agent) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock.head(url, options) end

---Asks again when the answer is slow, and takes the first good one: what is neither nil nor a response of 500 or more. For what may be asked twice.
---Raises what a try raised that is no failure of the outside world.
---@param options? {after?: number, max?: integer} another try after so many seconds (0.3), so many in all (2)
---@param fn fun(try: integer): any, any
---@return any? # value; or nil, err
---@return multisock.Error?
function multisock.hedge(options, fn) end

---Tells about a function, a method, an option or a field; without a name, which there are.
---@param name? string such as "ms.get", "get", "timeout", "tls.verify" or "response"
---@return string # string to be printed
function multisock.help(name) end

---Calls a function for every item, or fetches every URL, many at a time.
---Raises what fn raised, after the rest was cancelled.
---@param items table|function a list, or a function that returns the next item; nil ends it. In a list with `n` (the results of a map) items that are nil are left out
---@param fn? fun(item: any, i: integer): any, any value; or nil, err. Without it the items are URLs, or {url, options}, and the results responses, body read
---@param options? multisock.MapOptions
---@return table # table, table: results and errors, by the item's index; results.n is the count
---@return table
function multisock.map(items, fn, options) end

---Makes an agent for tests, which answers what it is told to: `ms.client({agent = mock})`, testing.md.
---Raises on misuse.
---@param options? multisock.MockOptions
---@return multisock.Mock # mock
function multisock.mock(options) end

---How long a host may wait, at most, before it calls ms.step.
---@return number? # seconds; nil when only its sockets (ms.fd) can make one ready
function multisock.next_timeout() end

---A monotonic clock; its start means nothing.
---@return number # seconds
function multisock.now() end

---Makes a middleware for `each_attempt` that gets a token, sends it with each request to its own origins, and renews it: state.md.
---@param options multisock.OAuth2
---@return function # function
function multisock.oauth2(options) end

---The function that gets errors of tasks that nobody awaited, and their tracebacks: when the task was collected, or when its run has ended. nil: they are raised from ms.run and ms.step.
---@param fn? fun(err: any, traceback: string)
function multisock.on_error(fn) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock.options(url, options) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock.patch(url, options) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock.post(url, options) end

---Sends a request with the method in its name (`fetch`: that of the option `method`) and waits for the headers of the answer; the body streams.
---Raises on misuse, and when the task is cancelled.
---@param url string
---@param options? multisock.Options
---@return multisock.Response? # response; or nil, err
---@return multisock.Error?
function multisock.put(url, options) end

---Makes a queue.
---@param capacity? integer values at most; nil: no bound
---@return multisock.Queue # queue
function multisock.queue(capacity) end

---Makes a response of a string, an iterator or an open file: what agents give.
---@param body? string|fun(): string?|file*
---@param options? {status?: integer, headers?: table, url?: string} the status is 200
---@return multisock.Response # response
function multisock.response(body, options) end

---Runs the loop until `fn` and all that it spawned have ended.
---Raises what fn raised; or else what a task raised that nobody awaited, unless there is an on_error.
---@param fn function
---@param ... any what it is called with
---@return any ... # ... fn's results
function multisock.run(fn, ...) end

---Suspends the task for so many seconds; 0 or less lets the other tasks run once.
---@param seconds number
function multisock.sleep(seconds) end

---Starts a task at the next turn.
---@param fn function
---@param ... any what it is called with
---@return multisock.Task # task
function multisock.spawn(fn, ...) end

---One turn of the loop, for a host that owns its time.
---Raises in a task or a callback; the error of a task that nobody awaited, unless there is an on_error.
---@param timeout? number seconds to wait at most; nil: not at all
---@param budget? number seconds after which no further task is started or goes on; the first one always is. nil: all that can run do
function multisock.step(timeout, budget) end

---A request as a command line of `curl`, for sh.
---Raises on misuse.
---@param request string|table URL, or a request: response.request, err.request, or that of a middleware
---@param options? multisock.Options beside a URL, and `redact`: `false` shows secrets, which are `***` otherwise
---@return string? # string; or nil, err where the command cannot say it
---@return multisock.Error?
function multisock.to_curl(request, options) end

---Has a function told of every event of all clients, those that are made later included: seeing.md.
---@param fn fun(event: multisock.Event)
---@return function # function that ends it
function multisock.trace(fn) end

---The other way: each `%XX` is the byte that it stands for, all else stays, also a `+`.
---@param text string
---@return string # string
function multisock.unescape(text) end

---Chooses the loop, before anything uses one.
---Raises when it is unknown or its module is missing; when another is in use.
---@param loop? string|table "uv", "luv", "cqueues", "copas", "event", "ev", "glib", "poll" or "frames"; or an adapter (see docs/loops.md)
---@return string # string: the name of the loop that drives, or will
function multisock.use_loop(loop) end

---The versions that run.
---@return table # table: multisock, lua, curl, curl_number, ssl, quic, cainfo, capath, uv, json (the library in use), codings (those that are undone), protocols, features, and warnings: a list of strings, what is known to be dangerous of them and what is done about it
function multisock.version() end

---Opens a WebSocket: websocket.md.
---Raises on misuse, and when the task is cancelled.
---@param url string `ws://` or `wss://`, or a path below `base_url`
---@param options? multisock.WebSocketOptions
---@return multisock.WebSocket? # multisock.WebSocket; or nil, err: of kind "status" when the server answered something else, which is `err.response`
---@return multisock.Error?
function multisock.websocket(url, options) end

---Limits the time of `fn` and everything spawned inside.
---Raises what fn raised.
---@param seconds number
---@param fn function
---@param ... any what it is called with
---@return ...? # ... fn's results; or nil, err with kind "timeout"
---@return multisock.Error
function multisock.with_timeout(seconds, fn, ...) end

return multisock
