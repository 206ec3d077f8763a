-- A request's body on its way out: a task of its own reads it, piece by piece, as
-- libcurl asks for it. The stream (stream.lua) is told where that fails.
local errors = require("multisock.base.errors")
local protected = require("multisock.tasks.protected")
local scheduler = require("multisock.tasks.scheduler")
local tasks = require("multisock.tasks")
local waiting = require("multisock.tasks.waiting")

local is_once = require("multisock.request").is_once

local upload = {}

-- What is wrong when so many bytes of a body were given, and that was all or not.
-- libcurl would wait for what is missing, and leave out what is too much.
local function wrong_length(body, given, ended)
  local size = body.size
  if size == nil or given == size or given < size and not ended then
    return nil
  end
  return ("body: Content-Length is %d, but the function gave %s bytes"):format(size,
    ended and tostring(given) or given .. " or more")
end

-- The upload cannot go on: what a function has done wrong is raised where the request
-- is waited for.
local function raise_upload(self, err, misuse, traceback)
  self.uploader = nil
  self.raised = { err, misuse = misuse, traceback = traceback }
  self:abort(errors.raised(err))
end

-- Whether libcurl has begun again, and wants the body from its start.
local function is_rewound(self)
  self.rewound = self.rewound or self.easy:rewound()
  return self.rewound
end

-- The next piece of the body goes to libcurl. False at the end, or when it failed.
local function upload_piece(self, body)
  self.upload_begun, body.begun = true, true
  local ok, chunk, failure = protected(body.read)
  if self.stopped or self.client.closed then
    return false
  elseif not ok then
    raise_upload(self, chunk, false, failure)
    return false
  elseif failure then
    self.uploader = nil
    failure.phase = self.easy:phase()
    failure.retryable = failure.retryable and not is_once(self.request)
    self:abort(failure)
    return false
  elseif is_rewound(self) then
    return true                       -- while it was read: it is of the try before
  end
  self.given = self.given + #(chunk or "")
  local fault = wrong_length(body, self.given, chunk == nil)
  if fault then
    raise_upload(self, fault, true)
    return false
  elseif chunk ~= "" then
    self.easy:feed(chunk)
    self.multi:resume_sending(self.easy)
  end
  return chunk ~= nil
end

-- Gives libcurl the upload as it asks for it. A task of its own: what a
-- generator waits for may hold up neither an early answer nor a limit. One that
-- can be read again may have to be, until there is an answer.
local function run_upload(self)
  local easy, who, body = self.easy, waiting.waiter(), self.body
  local more = true
  while not self.stopped and not self.client.closed do
    if is_rewound(self) then
      body.rewind()
      self.rewound, self.given, more = false, 0, true
    end
    -- When all is given that was promised, libcurl does not ask whether it was all.
    if more and (easy:marks() or self.given == body.size) then
      if body.is_ready and not body.is_ready(who) then
        local cancelled = waiting.park(who)
        if cancelled and not self.stopped then
          self.uploader = nil
          self:abort(cancelled)
        end
      else
        more = upload_piece(self, body)
      end
      self.all_given = not more
    elseif more or body.rewind and not self.answered then
      waiting.park(who)
    else
      break
    end
  end
  self.uploader = nil
end

--- Starts the task that sends the request's body.
function upload.start(self, body)
  self.body, self.given = body, 0
  self.uploader = tasks.spawn(run_upload, self)
end

--- There is an answer: the task stays no longer for another try.
function upload.settle(self)
  if self.uploader and self.all_given then
    scheduler.wake(self.uploader)
  end
end

--- Nothing more is wanted of the upload, whatever it waits for.
function upload.stop(self)
  local task = self.uploader
  self.stopped = true
  if task then
    self.uploader = nil
    task:cancel("the transfer has ended")
  end
  if self.body and self.body.close then
    self.body.close()
  end
end

--- An answer of 300 or more needs no more of the body: libcurl stops sending it. One
-- of less may come while the body is sent (a stream both ways, a proxy).
function upload.answered(self)
  if not (self.settings.curl or {}).keep_sending_on_error then
    upload.stop(self)
    self.easy:end_upload()
  end
end

return upload
