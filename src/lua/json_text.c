/* Text as a string of JSON. No Lua runs here. */
#include <stdio.h>

#include "buffer.h"
#include "json.h"

static bool put_escape(Buffer *out, unsigned int code)
{
  char text[8];
  (void)snprintf(text, sizeof text, "\\u%04x", code);
  return buffer_append(out, text, 6);
}

/* For bytes below 0x20, those with a letter; "u": without one. */
static const char letters[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";

/* Characters that are valid but may steer a terminal that shows them, or end a
   line for some programs: C1 controls, line separators, directions of text. */
static unsigned int unsafe_character(const char *text, size_t size)
{
  const unsigned char *at = (const unsigned char *)text;
  unsigned int code;
  if (size == 2 && at[0] == 0xC2 && at[1] < 0xA0)
    return at[1];
  if (size != 3 || at[0] != 0xE2 || at[1] > 0x81)
    return 0;
  code = 0x2000 | (at[1] & 1u) << 6 | (at[2] & 0x3Fu);
  return (code >= 0x2028 && code <= 0x202E) ||
                 (code >= 0x2066 && code <= 0x2069)
             ? code
             : 0;
}

/* Of the byte at `at`, or of the character there that has this code. */
static bool put_special(Buffer *out, unsigned char byte, unsigned int code)
{
  char escape[2] = { '\\', (char)byte };
  if (byte == '"' || byte == '\\')
    return buffer_append(out, escape, 2);
  if (byte >= 0x20 || letters[byte] == 'u')
    return put_escape(out, code != 0 ? code : byte);
  escape[1] = letters[byte];
  return buffer_append(out, escape, 2);
}

JsonPut json_put_string(Buffer *out, const char *text, size_t size)
{
  const char *at = text, *end = at + size, *done = at;
  if (!buffer_append(out, "\"", 1))
    return JSON_NO_MEMORY;
  while (at < end) {
    unsigned char byte = (unsigned char)*at;
    unsigned int code = 0;
    size_t step = 1;
    if (byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\') {
      at++;
      continue;
    }
    if (byte >= 0x80) {
      step = json_character(at, end);
      if (step == 0)
        return JSON_NO_UTF8;
      code = unsafe_character(at, step);
      if (code == 0) {
        at += step;
        continue;
      }
    }
    if (!buffer_append(out, done, (size_t)(at - done)) ||
        !put_special(out, byte, code))
      return JSON_NO_MEMORY;
    at += step;
    done = at;
  }
  return buffer_append(out, done, (size_t)(at - done)) &&
                 buffer_append(out, "\"", 1)
             ? JSON_PUT
             : JSON_NO_MEMORY;
}
