-- What is public, and what its doc comments and option rows say. The names come from
-- the objects themselves, so that none is forgotten; a Lua function's comment is the
-- one above its definition, a C function's is found by its luaL_Reg.
local comments = require("script.reference.comments")
local objects = require("script.reference.objects")

local public = {}

local Reader = {}
Reader.__index = Reader

local function list_files(root)
  local pipe = assert(io.popen(("cd '%s' && find lua src -name '*.lua' -o -name '*.c' | sort")
    :format(root)))
  local list = {}
  for path in pipe:lines() do
    list[#list + 1] = path
  end
  pipe:close()
  return list
end

-- luaL_Reg of C: which function a name of a type is, as "easy.close" or "core.easy".
local function read_registers(self, path, text, docs)
  for array, rows in text:gmatch("luaL_Reg ([%w_]+)%[%] = (%b{})") do
    for name, fn in rows:gmatch('{%s*"([%w_]+)",%s*([%w_]+)%s*}') do
      local doc = docs.functions[fn] or self.c[fn] or { missing = fn }
      doc["local"] = doc["local"] or path:find("^src/fetch/") and "" or nil
      local owner = array == "functions" and "core" or fn:match("^([a-z]+)_")
      owner = ({ host = "loop", handle = "decoder" })[owner] or owner
      self.registered[owner .. "." .. name] = doc
    end
  end
  local set = 'lua_pushc%l+%(L, ([%w_]+)[^;]*;%s*lua_setfield%(L, %-2, "([%w_]+)"%)'
  for fn, name in text:gmatch(set) do
    local doc = docs.functions[fn] or self.c[fn]
    if doc then
      doc["local"] = doc["local"] or path:find("^src/fetch/") and "" or nil
      self.registered["core." .. name] = doc
    end
  end
end

function Reader:read(root)
  local paths, texts = list_files(root), {}
  for order, path in ipairs(paths) do
    local docs = comments.read(root .. "/" .. path, function() end)
    self.files[path] = docs
    for number, doc in pairs(docs.lines) do
      doc.where, doc.order = ("%s:%d"):format(path, number), order * 100000 + number
    end
    for name, doc in pairs(docs.classes) do
      self.classes[name] = doc
    end
    for name, doc in pairs(docs.functions) do
      self.c[name] = doc
    end
    local file = assert(io.open(root .. "/" .. path))
    texts[path] = file:read("a")
    file:close()
  end
  for path, text in pairs(texts) do
    read_registers(self, path, text, self.files[path])
  end
end

function Reader:complain(name, message)
  self.wrong[#self.wrong + 1] = name .. ": " .. message
end

-- The doc of a Lua function, checked against its parameters.
function Reader:lua_doc(name, fn)
  local info = debug.getinfo(fn, "Su")
  local path = info.source:match("(lua/multisock/.*)$")
  local doc = path and self.files[path].lines[info.linedefined]
  if doc == nil or doc["local"] then
    return doc
  end
  local at = 0
  for i = 1, info.nparams + (info.isvararg and 1 or 0) do
    local parameter = i <= info.nparams and debug.getlocal(fn, i) or "..."
    if parameter ~= "self" then
      at = at + 1
      if doc.params[at] == nil or doc.params[at].name ~= parameter then
        self:complain(name, ("%s: @param %s expected"):format(doc.where, parameter))
        return doc
      end
    end
  end
  return doc
end

function Reader:add(name, doc, class)
  if doc == nil or doc.missing then
    self:complain(name, "no doc comment")
    return
  elseif doc["local"] then
    return
  end
  for _, param in ipairs(doc.params) do
    if param.type == nil then
      self:complain(name, ("%s: @param %s: a type expected, got '%s'"):format(doc.where,
        param.name, param.said or ""))
    end
  end
  if doc["return"] and #comments.return_types(doc["return"]) == 0 then
    self:complain(name, ("%s: @return: a type expected, got '%s'"):format(doc.where,
      doc["return"]))
  end
  if (doc.text or "") == "" then
    self:complain(name, doc.where .. ": a sentence expected")
  end
  local made = comments.return_types(doc["return"] or "")[1] or ""
  self.entries[#self.entries + 1] = {
    name = name, kind = "function", class = class, doc = doc, order = doc.order,
    makes = class == "multisock.core" and made:match("^(multisock%.core%.%w+)%??$") or nil,
  }
end

function Reader:add_fields(prefix, class, expected)
  local doc = self.classes[class]
  if doc == nil then
    self:complain(prefix, "no comment with @class " .. class)
    return
  end
  local seen = {}
  for i, field in ipairs(doc.fields) do
    local name = prefix .. "." .. field.name
    seen[field.name] = true
    if field.type == nil then
      self:complain(name, ("%s: @field: a type expected, got '%s'"):format(doc.where, field.said))
    end
    self.entries[#self.entries + 1] = {
      name = name, kind = "field", class = class, field = field, order = doc.order + i / 1000,
    }
  end
  for name in pairs(expected or {}) do
    if not seen[name] then
      self:complain(prefix .. "." .. name, ("%s: no @field"):format(doc.where))
    end
  end
end

-- Methods of one type: of Lua as they are defined, of C by name; `close` is the last.
function Reader:add_methods(object)
  local first = #self.entries + 1
  for name, fn in pairs(object.methods) do
    if type(fn) == "function" and not name:find("^_") then
      local full = object.prefix .. ":" .. name
      local doc = object.c_prefix and self.registered[object.c_prefix .. "." .. name]
      self:add(full, doc or self:lua_doc(full, fn), object.class)
    end
  end
  local added = {}
  while #self.entries >= first do
    added[#added + 1] = table.remove(self.entries)
  end
  table.sort(added, function(a, b)
    local a_closes, b_closes = a.name:find(":close$"), b.name:find(":close$")
    if a_closes or b_closes then
      return not a_closes
    end
    if object.c_prefix or a.order == b.order then
      return a.name < b.name
    end
    return a.order < b.order
  end)
  table.move(added, 1, #added, first, self.entries)
end

-- Functions and values of a module.
function Reader:add_module(prefix, module, class, find)
  local names = {}
  for name in pairs(module) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local doc, constant = find(name, module[name])
    if not constant then
      self:add(prefix .. "." .. name, doc, class)
      local entry = self.entries[#self.entries]
      if entry and entry.name == prefix .. "." .. name and type(module[name]) ~= "function" then
        entry.kind, entry.value = "value", module[name]
      end
    end
  end
end

function Reader:add_rows(prefix, rows, class)
  local names = {}
  for name in pairs(rows) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local row = rows[name]
    local full = prefix .. name
    if type(row) ~= "table" or row.doc == nil or row.type == nil then
      self:complain("option " .. full, "its row has no doc or no type")
    else
      self.entries[#self.entries + 1] = { name = full, kind = "option", class = class, row = row }
      if row.fields then
        local inner = row.type:match("multisock%.%w+")
        self:add_rows(full .. ".", row.fields, inner)
      end
    end
  end
end

-- Above `ms.NAME = ` in init.lua stands what a value has that is no Lua function.
local function assigned_docs(self, root)
  local docs, number = {}, 0
  for line in io.lines(root .. "/lua/multisock/init.lua") do
    number = number + 1
    local name = line:match("^ms%.([%w_]+)%s*=")
    if name then
      docs[name] = self.files["lua/multisock/init.lua"].lines[number]
    end
  end
  return docs
end

--- Reads all that is public.
-- @param root string the checkout
-- @return list of entries: {name, kind ("function", "value", "field" or "option"),
-- class, makes (the class of what a function of core makes), and doc, field or row}; list
-- of strings: what is wrong
function public.read(root)
  local ms, core = require("multisock"), require("multisock.core")
  local self = setmetatable({
    entries = {}, wrong = {}, files = {}, classes = {}, c = {}, registered = {},
  }, Reader)
  self:read(root)
  local assigned = assigned_docs(self, root)
  self:add_module("ms", ms, "multisock", function(name, value)
    local is_lua = type(value) == "function" and debug.getinfo(value, "S").what ~= "C"
    return assigned[name] or is_lua and self:lua_doc("ms." .. name, value) or nil
  end)
  local found = objects.of(ms, core)
  local function is_low(object)
    return object.class:find("^multisock%.core") ~= nil
  end
  for _, object in ipairs(found) do
    if not is_low(object) then
      if self.classes[object.class] or object.fields then
        self:add_fields(object.prefix, object.class, object.fields)
      end
      self:add_methods(object)
    end
  end
  for _, record in ipairs(objects.records) do
    self:add_fields(record[1], record[2])
  end
  self:add_rows("", require("multisock.request.options").rows, "multisock.Options")
  self:add_rows("", require("multisock.client").rows, "multisock.ClientOptions")
  self:add_rows("download.", require("multisock.download").rows, "multisock.DownloadOptions")
  self:add_rows("eventsource.", require("multisock.eventsource").rows,
    "multisock.EventSourceOptions")
  self:add_rows("websocket.", require("multisock.websocket.handshake").rows,
    "multisock.WebSocketOptions")
  self:add_module("core", core, "multisock.core", function(name, value)
    return self.registered["core." .. name] or self.c[name], type(value) ~= "function"
  end)
  for _, object in ipairs(found) do
    if is_low(object) then
      self:add_methods(object)
    end
  end
  return self.entries, self.wrong
end

return public
