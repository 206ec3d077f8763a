-- Which bytes of a file are there: a sorted list of {first, behind}, with `behind` the
-- first byte that is not. Used by all of download/.
local ranges = {}

--- Adds one; those that touch become one.
function ranges.add(list, first, behind)
  local at = #list
  while at > 0 and list[at][1] > first do
    at = at - 1
  end
  local last = list[at]
  if last and last[2] >= first then
    last[2] = math.max(last[2], behind)
  else
    at = at + 1
    last = { first, behind }
    table.insert(list, at, last)
  end
  while list[at + 1] and list[at + 1][1] <= last[2] do
    last[2] = math.max(last[2], table.remove(list, at + 1)[2])
  end
end

--- How many bytes.
function ranges.total(list)
  local sum = 0
  for i = 1, #list do
    sum = sum + list[i][2] - list[i][1]
  end
  return sum
end

--- What is missing of so many bytes (math.huge: nobody knows how many), as such a list.
function ranges.missing(list, size)
  local missing, at = {}, 0
  for i = 1, #list do
    if list[i][1] > at then
      missing[#missing + 1] = { at, list[i][1] }
    end
    at = list[i][2]
  end
  if at < size then
    missing[#missing + 1] = { at, size }
  end
  return missing
end

--- Only what lies before `size`.
function ranges.cut(list, size)
  local kept = {}
  for i = 1, #list do
    if list[i][1] < size then
      kept[#kept + 1] = { list[i][1], math.min(list[i][2], size) }
    end
  end
  return kept
end

-- A smaller piece is not worth a connection.
local LEAST = 256 * 1024

--- Divides what is missing among so many: at most `count` pieces, the largest first
-- halved.
function ranges.divide(missing, count)
  local pieces = {}
  for i = 1, #missing do
    pieces[i] = { missing[i][1], missing[i][2] }
  end
  while #pieces < count do
    local largest = 1
    for i = 2, #pieces do
      if pieces[i][2] - pieces[i][1] > pieces[largest][2] - pieces[largest][1] then
        largest = i
      end
    end
    local piece = pieces[largest]
    local length = piece and piece[2] - piece[1] or 0
    if length < 2 * LEAST then
      break
    end
    -- As large as a share of it, so that all pieces become alike.
    local shares = count - #pieces + 1
    local share = math.max(LEAST, math.ceil(length / shares))
    table.insert(pieces, largest + 1, { piece[1] + share, piece[2] })
    piece[2] = piece[1] + share
  end
  return pieces
end

return ranges
