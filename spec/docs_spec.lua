-- The Lua examples of the documentation: each compiles, those with public hosts run
-- as they stand, and print what they say that they print. A local httpbin stands
-- for the hosts.
local fixtures = require("spec.support.fixtures")
local servers = require("spec.support.servers")
local support = require("spec.support.core_support")

local PUBLIC = {
  "https://httpbin.org", "https://www.lua.org", "https://curl.se", "https://libuv.org",
}

local function pages()
  local list = {}
  for page in servers.output("ls README.md docs/*.md"):gmatch("[^\n]+") do
    list[#list + 1] = page
  end
  return list
end

-- Each block: {page =, line =, code =}.
local function blocks(page)
  local list, block, number = {}, nil, 0
  for line in io.lines(page) do
    number = number + 1
    if line == "```lua" then
      block = { page = page, line = number, code = {} }
    elseif line == "```" and block then
      block.code = table.concat(block.code, "\n") .. "\n"
      list[#list + 1], block = block, nil
    elseif block then
      block.code[#block.code + 1] = line
    end
  end
  return list
end

-- Whether all hosts in it are public ones, and there is one.
local function is_public(code)
  local rest = code
  for _, host in ipairs(PUBLIC) do
    rest = rest:gsub(host:gsub("%p", "%%%0"), "")
  end
  return rest ~= code and not rest:find("%w://") and not rest:find("doh_url")
end

local function names(code, name, module)
  return code:find("[^%w_.]" .. name .. "[.%s(]") and not code:find("local " .. name .. " =")
    and ("local %s = require(%q) "):format(name, module) or ""
end

-- What stands behind a print, as `-- this`.
local function promises(code)
  local list = {}
  for line in code:gmatch("[^\n]+") do
    local promise = line:match("print%(.*%)%s+%-%- (.+)$")
    if promise and not promise:find("%.%.%.") and not promise:find('[";]') then
      list[#list + 1] = promise:gsub("%[%.*%]", ""):gsub("%s+", " "):gsub(" $", "")
    end
  end
  return list
end

local function squeeze(text)
  return (text:gsub("%s+", " "))
end

describe("the documentation's examples", function()
  local httpbin = fixtures.server(servers.httpbin)

  for _, page in ipairs(pages()) do
    for _, block in ipairs(blocks(page)) do
      local where = ("%s:%d"):format(block.page, block.line)

      it(where .. " compiles", function()
        assert((loadstring or load)(block.code, "@" .. where))
      end)

      if is_public(block.code) then
        it(where .. " runs, and prints what it promises", function()
          local code = block.code
          for _, host in ipairs(PUBLIC) do
            code = code:gsub(host:gsub("%p", "%%%0"), httpbin.base)
          end
          local output, status = support.child(names(block.code, "ms", "multisock")
            .. names(block.code, "core", "multisock.core") .. code)
          assert.equal(0, status, output)
          for _, promise in ipairs(promises(code)) do
            assert.truthy(squeeze(output):find(promise, 1, true), promise .. " in " .. output)
          end
        end)
      end
    end
  end
end)

describe("docs/architecture.md", function()
  it("names files and folders that are there", function()
    local missing, folders = {}, { "", "src/", "src/fetch/", "lua/multisock/",
      "lua/multisock/request/", "lua/multisock/connection/", "lua/multisock/tasks/" }
    for line in io.lines("docs/architecture.md") do
      for name in line:gmatch("[%w_/]+%.?%w*") do
        local ending = name:match("%.(%w+)$")
        if ending == "lua" or ending == "c" or ending == "h" or name:find("/$") then
          local found = false
          for _, folder in ipairs(folders) do
            local file = io.open(folder .. name)
            found = found or file ~= nil
            if file then file:close() end
          end
          missing[#missing + 1] = not found and name or nil
        end
      end
    end
    assert.same({}, missing)
  end)
end)
