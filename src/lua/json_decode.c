/* JSON to Lua. As RFC 8259 has it, a text that conforms is taken, whatever stands
   in it: zero bytes in names, halves of surrogate pairs (which become U+FFFD, for
   they are no text), a name twice (the last counts), a byte order mark before it;
   all else is refused. */
#include "json.h"

#include <math.h>
#include <string.h>

#include "error_object.h"

typedef struct Reader {
  lua_State *L;
  const char *at, *end;
  int mark; /* where the metatable of arrays stands */
  int depth;
  const char *wrong; /* what is wrong at `at` */
} Reader;

static bool read_value(Reader *reader);

static bool fail(Reader *reader, const char *wrong)
{
  reader->wrong = wrong;
  return false;
}

static void skip_blanks(Reader *reader)
{
  while (reader->at < reader->end &&
         (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' ||
          *reader->at == '\t'))
    reader->at++;
}

/* Takes this byte, with the blanks before it. */
static bool take(Reader *reader, char byte)
{
  skip_blanks(reader);
  if (reader->at == reader->end || *reader->at != byte)
    return false;
  reader->at++;
  return true;
}

/* ---- Strings ---- */

size_t json_character(const char *text, const char *end)
{
  const unsigned char *at = (const unsigned char *)text;
  size_t left = (size_t)(end - text), size, i;
  unsigned char least = 0x80, most = 0xBF; /* of the second byte */
  if (left == 0)
    return 0;
  if (at[0] < 0x80)
    return 1;
  if (at[0] < 0xC2 || at[0] > 0xF4)
    return 0;
  size = at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
  if (at[0] == 0xE0)
    least = 0xA0; /* shorter text says the same */
  else if (at[0] == 0xED)
    most = 0x9F; /* half of a surrogate pair */
  else if (at[0] == 0xF0)
    least = 0x90;
  else if (at[0] == 0xF4)
    most = 0x8F; /* beyond Unicode */
  if (left < size || at[1] < least || at[1] > most)
    return 0;
  for (i = 2; i < size; i++)
    if (at[i] < 0x80 || at[i] > 0xBF)
      return 0;
  return size;
}

static int hex_digit(char digit)
{
  if (digit >= '0' && digit <= '9')
    return digit - '0';
  if (digit >= 'a' && digit <= 'f')
    return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F')
    return digit - 'A' + 10;
  return -1;
}

/* The number in "\uXXXX" at `at`; -1 when there is none. */
static long escaped_unit(const char *at, const char *end)
{
  long unit = 0;
  int i;
  if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
    return -1;
  for (i = 2; i < 6; i++) {
    int digit = hex_digit(at[i]);
    if (digit < 0)
      return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

static char *put_code(char *to, long code)
{
  if (code < 0x80) {
    *to++ = (char)code;
    return to;
  }
  if (code < 0x800)
    *to++ = (char)(0xC0 | code >> 6);
  else {
    if (code < 0x10000)
      *to++ = (char)(0xE0 | code >> 12);
    else {
      *to++ = (char)(0xF0 | code >> 18);
      *to++ = (char)(0x80 | (code >> 12 & 0x3F));
    }
    *to++ = (char)(0x80 | (code >> 6 & 0x3F));
  }
  *to++ = (char)(0x80 | (code & 0x3F));
  return to;
}

static bool is_high(long unit)
{
  return unit >= 0xD800 && unit < 0xDC00;
}

static bool is_low(long unit)
{
  return unit >= 0xDC00 && unit < 0xE000;
}

/* Writes what the valid escape at `at` means; returns what is behind it. */
static const char *put_escape(const char *at, const char *end, char **to)
{
  static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  long unit, low;
  if (at[1] != 'u') {
    *(*to)++ = meant[strchr(names, at[1]) - names];
    return at + 2;
  }
  unit = escaped_unit(at, end);
  low = is_high(unit) ? escaped_unit(at + 6, end) : -1;
  if (is_low(low)) {
    *to = put_code(*to, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
    return at + 12;
  }
  *to = put_code(*to, is_high(unit) || is_low(unit) ? 0xFFFD : unit);
  return at + 6;
}

static void push_unescaped(lua_State *L, const char *at, const char *end)
{
  luaL_Buffer buffer;
  char *start = luaL_buffinitsize(L, &buffer, (size_t)(end - at)), *to = start;
  while (at < end) {
    if (*at == '\\')
      at = put_escape(at, end, &to);
    else
      *to++ = *at++;
  }
  luaL_pushresultsize(&buffer, (size_t)(to - start));
}

/* The size of the escape at `at`; 0 when it is none. */
static size_t escape_size(const char *at, const char *end)
{
  if (end - at < 2 || at[1] == '\0')
    return 0;
  if (at[1] == 'u')
    return escaped_unit(at, end) < 0 ? 0 : 6;
  return strchr("\"\\/bfnrt", at[1]) != NULL ? 2 : 0;
}

/* Behind the opening quotation mark. Pushes the string. */
static bool read_string(Reader *reader)
{
  const char *start = reader->at, *at = start, *end = reader->end;
  bool escapes = false;
  for (;;) {
    unsigned char byte;
    size_t size = 1;
    reader->at = at;
    if (at == end)
      return fail(reader, "a string has no end");
    byte = (unsigned char)*at;
    if (byte == '"')
      break;
    if (byte < 0x20)
      return fail(reader, "a control character stands in a string");
    if (byte == '\\') {
      escapes = true;
      size = escape_size(at, end);
      if (size == 0)
        return fail(reader, "an escape is invalid");
    }
    else if (byte >= 0x80) {
      size = json_character(at, end);
      if (size == 0)
        return fail(reader, "a string is no UTF-8");
    }
    at += size;
  }
  reader->at = at + 1;
  if (escapes)
    push_unescaped(reader->L, start, at);
  else
    lua_pushlstring(reader->L, start, (size_t)(at - start));
  return true;
}

/* ---- Values ---- */

static bool read_number(Reader *reader)
{
  Number number;
  const char *behind = number_read(reader->at, reader->end, &number);
  if (behind == NULL)
    return fail(reader, "a number is invalid");
  if (isinf(number.real))
    return fail(reader, "a number is too large");
  reader->at = behind;
#if LUA_VERSION_NUM >= 503
  if (number.is_integer) {
    lua_pushinteger(reader->L, number.integer);
    return true;
  }
#endif
  lua_pushnumber(reader->L, number.real);
  return true;
}

static bool read_members(Reader *reader)
{
  lua_State *L = reader->L;
  lua_newtable(L);
  if (take(reader, '}'))
    return true;
  do {
    if (!take(reader, '"'))
      return fail(reader, "the name of a member is expected");
    if (!read_string(reader))
      return false;
    if (!take(reader, ':'))
      return fail(reader, "':' is expected");
    if (!read_value(reader))
      return false;
    lua_rawset(L, -3);
  } while (take(reader, ','));
  return take(reader, '}') || fail(reader, "',' or '}' is expected");
}

static bool read_elements(Reader *reader)
{
  lua_State *L = reader->L;
  int count = 0;
  lua_newtable(L);
  lua_pushvalue(L, reader->mark);
  lua_setmetatable(L, -2);
  if (take(reader, ']'))
    return true;
  do {
    if (!read_value(reader))
      return false;
    lua_rawseti(L, -2, ++count);
  } while (take(reader, ','));
  return take(reader, ']') || fail(reader, "',' or ']' is expected");
}

static bool read_inner(Reader *reader, bool (*read)(Reader *reader))
{
  bool ok;
  if (reader->depth >= JSON_DEPTH || !lua_checkstack(reader->L, 8))
    return fail(reader, "values are nested too deeply");
  reader->at++;
  reader->depth++;
  ok = read(reader);
  reader->depth--;
  return ok;
}

static bool read_word(Reader *reader, const char *word)
{
  size_t size = strlen(word);
  if ((size_t)(reader->end - reader->at) < size ||
      memcmp(reader->at, word, size) != 0)
    return fail(reader, "a value is expected");
  reader->at += size;
  return true;
}

/* Pushes the next value. When it fails, what it has pushed is left. */
static bool read_value(Reader *reader)
{
  lua_State *L = reader->L;
  skip_blanks(reader);
  if (reader->at == reader->end)
    return fail(reader, "a value is expected");
  switch (*reader->at) {
  case '{': return read_inner(reader, read_members);
  case '[': return read_inner(reader, read_elements);
  case '"': reader->at++; return read_string(reader);
  case 't': lua_pushboolean(L, 1); return read_word(reader, "true");
  case 'f': lua_pushboolean(L, 0); return read_word(reader, "false");
  case 'n':
    lua_pushlightuserdata(L, NULL); /* core.null */
    return read_word(reader, "null");
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9': return read_number(reader);
  default: return fail(reader, "a value is expected");
  }
}

static bool read_text(Reader *reader)
{
  if (reader->end - reader->at >= 3 &&
      memcmp(reader->at, "\xEF\xBB\xBF", 3) == 0)
    reader->at += 3;
  if (!read_value(reader))
    return false;
  skip_blanks(reader);
  return reader->at == reader->end || fail(reader, "nothing more is expected");
}

/*** Reads a JSON text.
@param text string
@return the value: null is core.null, arrays keep their mark (see json_array);
or nil, err of kind "protocol"
@local */
int json_decode(lua_State *L)
{
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  Reader reader = { L, text, text + size, 2, 0, NULL };
  lua_settop(L, 1);
  json_push_mark(L);
  if (read_text(&reader))
    return 1;
  lua_settop(L, 1);
  lua_pushnil(L);
  lua_pushfstring(L,
                  reader.at == reader.end
                      ? "%s, but the text ends at byte " INTEGER
                      : "%s at byte " INTEGER,
                  reader.wrong,
                  INTEGER_VALUE(reader.at - text + (reader.at < reader.end)));
  error_push_kind(L, "protocol", lua_tostring(L, -1));
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "retryable");
  lua_remove(L, -2);
  return 2;
}
