-- MIME objects of Lua-cURLv3: a tree of parts that is described in Lua and given
-- to libcurl as a whole, when a handle gets it and when it has changed since.
local core = require("multisock.core")
local constants = require("lcurl.constants")
local errors = require("lcurl.errors")
local object = require("lcurl.object")
local pairs = require("lcurl.pairs")

local mime = {}

local null = core.null
local values = constants.values
local bad_argument, type_name = object.bad_argument, object.type_name

local part_class

-- A change of a part is one of all trees that it is in.
local function touch(tree)
  while tree do
    tree.version = tree.version + 1
    tree = tree.parent
  end
end

local function is_unset(value)
  return value == false or value == null
end

local function fail(state, code, detail)
  return errors.fail(state, "CURL-EASY", code, detail)
end

-- ---- Parts ----

local encoders = {
  binary = true, ["8bit"] = true, ["7bit"] = true, base64 = true, ["quoted-printable"] = true,
}

local function set_text(state, method, field, value)
  if is_unset(value) then
    value = nil
  else
    value = object.check_string(method, 1, value)
  end
  state.fields[field] = value
  touch(state.tree)
end

local part_methods = {}

for _, field in ipairs({ "name", "type" }) do
  part_methods[field] = function(state, self, value)
    set_text(state, field, field, value)
    return self
  end
end

-- None at all, which is not the same as the name of the file.
function part_methods.filename(state, self, value)
  set_text(state, "filename", "filename", value)
  if is_unset(value) then
    state.fields.filename = false
  end
  return self
end

function part_methods.encoder(state, self, value)
  if not is_unset(value) then
    value = object.check_string("encoder", 1, value)
    if not encoders[value:lower()] then
      return fail(state, values.E_BAD_FUNCTION_ARGUMENT, "no encoder '" .. value .. "'")
    end
    value = value:lower()
  end
  set_text(state, "encoder", "encoder", value)
  return self
end

function part_methods.headers(state, self, value)
  if is_unset(value) then
    value = {}
  elseif type(value) ~= "table" then
    bad_argument("headers", 1, "array expected, got " .. type_name(value))
  end
  local list = {}
  for i, line in ipairs(value) do
    list[i] = tostring(line)
  end
  state.fields.headers = list[1] and list
  touch(state.tree)
  return self
end

-- What the part had before: of its contents it has one.
local function clear_content(state)
  local sub = state.subparts and mime.class.state(state.subparts)
  if sub then
    sub.parent = nil
    mime.free(sub)
  end
  state.fields.data, state.fields.file, state.subparts = nil, nil, nil
end

-- [type[, name[, filename]]][, headers]: nil changes nothing, false and null
-- take away; the headers may be a table of fields, too.
local function extend(state, self, ...)
  local fields = { "type", "name", "filename", "headers" }
  for i = 1, math.min(select("#", ...), #fields) do
    local value = (select(i, ...))
    local ok, err = true, nil
    if type(value) == "table" then
      ok, err = mime.fill(self, value)
    elseif value ~= nil then
      ok, err = part_methods[fields[i]](state, self, value)
    end
    if not ok then
      return nil, err
    elseif type(value) == "table" then
      break
    end
  end
  return self
end

function part_methods.data(state, self, value, ...)
  if not is_unset(value) then
    value = object.check_string("data", 1, value)
  end
  clear_content(state)
  set_text(state, "data", "data", value)
  return extend(state, self, ...)
end

function part_methods.filedata(state, self, path, ...)
  path = object.check_string("filedata", 1, path)
  local file, err = io.open(path, "rb")
  if not file then
    return fail(state, values.E_READ_ERROR, err)
  end
  file:close()
  clear_content(state)
  set_text(state, "filedata", "file", path)
  return extend(state, self, ...)
end

local function contains(tree, part)
  repeat
    if part == tree then return true end
    part = part.parent
  until not part
  return false
end

function part_methods.subparts(state, self, value, ...)
  if is_unset(value) then
    clear_content(state)
    touch(state.tree)
    return extend(state, self, ...)
  end
  local sub = mime.class.check("subparts", 1, value)
  if sub.parent or contains(sub, state.tree) then
    return fail(state, values.E_BAD_FUNCTION_ARGUMENT, "the mime is part of another, or of itself")
  end
  clear_content(state)
  sub.parent, state.subparts = state.tree, value
  touch(state.tree)
  return extend(state, self, ...)
end

function part_methods.free(state)
  state.closed = true
  state.subparts = nil
end

part_class = object.class("LcURL MIME Part", part_methods, { closed = "freed" })

-- Contents last: an encoder or name that is refused leaves them alone.
local settable = {
  "data", "filedata", "name", "filename", "headers", "encoder", "type", "subparts",
}

--- Sets the fields of a part by a table of them, or its headers by a list.
function mime.fill(self, settings)
  if settings[1] ~= nil then
    return self:headers(settings)
  end
  for _, field in ipairs(settable) do
    if settings[field] ~= nil then
      local ok, err = self[field](self, settings[field])
      if not ok then
        return nil, err
      end
    end
  end
  return self
end

-- ---- Trees ----

local methods = {}

function methods.addpart(state, _, settings)
  local self = part_class.new({ mode = state.mode, tree = state, fields = {} })
  state.parts[#state.parts + 1] = self
  touch(state)
  if type(settings) == "table" then
    return mime.fill(self, settings)
  end
  return self
end

--- The handle that made it, while it is there.
function methods.easy(state)
  return state.easy[1]
end

--- Ends the use of a tree, of its parts and of those below them.
function mime.free(state)
  if state.closed then return end
  state.closed = true
  for _, self in ipairs(state.parts) do
    local part = part_class.state(self)
    local sub = part.subparts and mime.class.state(part.subparts)
    part_methods.free(part)
    if sub then
      mime.free(sub)
    end
  end
  state.parts, state.parent = {}, nil
end

--- One that is part of another ends with that one.
function methods.free(state)
  if not state.parent then
    mime.free(state)
  end
end

mime.class = object.class("LcURL MIME", methods, {
  closed = "freed",
  tostring = function(state, text)
    return state.parent and text .. " (subpart)" or text
  end,
})

--- @param mode string "raise" or "return"
-- @param easy userdata the handle, not kept alive
function mime.new(mode, easy)
  return mime.class.new({
    mode = mode, parts = {}, version = 0, describe = mime.describe,
    easy = setmetatable({ easy }, { __mode = "v" }),
  })
end

--- The parts as multisock.core takes them.
function mime.describe(state)
  local list = {}
  for i, self in ipairs(state.parts) do
    local part, fields = part_class.state(self), {}
    for key, value in pairs(part.fields) do
      fields[key] = value
    end
    if part.subparts then
      fields.subparts = mime.describe(mime.class.state(part.subparts))
    end
    list[i] = fields
  end
  return list
end

-- ---- Bodies of transfers ----

--- Gives a tree, or a form, to an easy handle.
-- @param easy table state of the handle
-- @param tree table with `version` and `describe(tree, easy, readers)`
-- @return core.Easy|nil, any as setopt
function mime.attach(easy, tree)
  local readers = {}
  local ok, err = easy.core:setopt("mimepost", core.mime(tree.describe(tree, easy, readers)))
  if ok then
    easy.post = { tree = tree, version = tree.version, readers = readers }
  end
  return ok, err
end

--- Before a transfer: what has changed since is told, streams start anew.
function mime.refresh(easy)
  local post = easy.post
  if not post then
    return true
  end
  for _, reader in ipairs(post.readers) do
    reader.rest = nil
  end
  if post.version == post.tree.version then
    return true
  end
  return mime.attach(easy, post.tree)
end

return mime
