/* See plain.h. */
#include "plain.h"

#include <string.h>
#include <strings.h>

/* Names in a query whose values let a stranger in. A hyphen stands for an
   underscore as well. */
static const char *const secret_names[] = {
  "access_token",
  "api_key",
  "apikey",
  "assertion",
  "auth",
  "authorization",
  "awsaccesskeyid",
  "client_assertion",
  "client_secret",
  "id_token",
  "jwt",
  "key",
  "passwd",
  "password",
  "private_token",
  "pwd",
  "refresh_token",
  "secret",
  "session",
  "sessionid",
  "sig",
  "signature",
  "token",
  "x_amz_credential",
  "x_amz_security_token",
  "x_amz_signature",
  "x_goog_credential",
  "x_goog_signature",
  NULL,
};

#define LONGEST_NAME 32

/* ---- UTF-8 ---- */

typedef unsigned char Byte;

/* The length of the character at `at`; 0 when that is no UTF-8. */
static size_t read_character(const char *at, const char *end, unsigned *code)
{
  static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
  Byte first = (Byte)*at;
  size_t length, i;
  *code = first;
  if (first < 0x80)
    return 1;
  length = first >= 0xF5   ? 0
           : first >= 0xF0 ? 4
           : first >= 0xE0 ? 3
           : first >= 0xC2 ? 2
                           : 0;
  if (length == 0 || (size_t)(end - at) < length)
    return 0;
  *code = first & (0xFFu >> (length + 1));
  for (i = 1; i < length; i++) {
    if (((Byte)at[i] & 0xC0) != 0x80)
      return 0;
    *code = *code << 6 | ((Byte)at[i] & 0x3Fu);
  }
  return *code < least[length] || *code > 0x10FFFF ||
                 (*code >= 0xD800 && *code <= 0xDFFF)
             ? 0
             : length;
}

/* Control characters, and those that change the order or place of others. */
static bool is_control(unsigned code)
{
  return code < 32 || (code >= 127 && code < 160) ||
         (code >= 0x200B && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
}

static bool is_space(unsigned code)
{
  return code == '\n' || code == '\r' || code == '\t';
}

/* ---- Secrets ---- */

/* Where the place of a URL ends, or the word that it stands in. */
static bool ends_place(char c)
{
  return (Byte)c <= ' ' || strchr("/?#\\'\"<>", c) != NULL;
}

/* Behind "//": what is left when user name and password are gone. */
static const char *skip_user(const char *at, const char *end)
{
  const char *left = at;
  for (; at < end && !ends_place(*at); at++)
    if (*at == '@')
      left = at + 1;
  return left;
}

static bool is_secret(const char *name, size_t size)
{
  char plain[LONGEST_NAME];
  size_t i;
  if (size == 0 || size >= sizeof plain)
    return false;
  for (i = 0; i < size; i++)
    plain[i] = name[i] == '-' ? '_' : name[i];
  plain[size] = '\0';
  for (i = 0; secret_names[i] != NULL; i++)
    if (strcasecmp(plain, secret_names[i]) == 0)
      return true;
  return false;
}

/* Behind "?", "&" or "#": the length of a secret's name and its "=", or 0. */
static size_t secret_name(const char *at, const char *end)
{
  size_t size = 0;
  while (at + size < end && size < LONGEST_NAME && at[size] != '=')
    size++;
  return at + size < end && at[size] == '=' && is_secret(at, size) ? size + 1
                                                                   : 0;
}

static const char *skip_value(const char *at, const char *end)
{
  while (at < end && (Byte)*at > ' ' && strchr("&#'\"<>", *at) == NULL)
    at++;
  return at;
}

/* ---- Text ---- */

/* Adds what a secret begins with here, and skips it: where to go on, or NULL
   when none begins. `before` is the beginning of the text. */
static const char *hide_secret(luaL_Buffer *buffer, const char *before,
                               const char *at, const char *end)
{
  size_t name;
  if (*at == '/' && at > before && (at[-1] == '/' || at[-1] == ':')) {
    const char *left = skip_user(at + 1, end);
    if (left == at + 1)
      return NULL;
    luaL_addchar(buffer, '/');
    return left;
  }
  if (*at != '?' && *at != '&' && *at != '#')
    return NULL;
  name = secret_name(at + 1, end);
  if (name == 0)
    return NULL;
  luaL_addlstring(buffer, at, name + 1);
  luaL_addstring(buffer, "***");
  return skip_value(at + 1 + name, end);
}

void plain_push(lua_State *L, const char *text, size_t size, char substitute,
                size_t most, int flags)
{
  const char *at = text, *end = text + size;
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  while (at < end) {
    unsigned code;
    size_t length = read_character(at, end, &code);
    const char *behind =
        flags & PLAIN_LOGS ? hide_secret(&buffer, text, at, end) : NULL;
    if (behind != NULL) {
      at = behind;
      continue;
    }
    if (most > 0 && (size_t)(at - text) + length > most) {
      luaL_addstring(&buffer, "...");
      break;
    }
    if (length == 0 || is_control(code))
      luaL_addchar(&buffer,
                   flags & PLAIN_LOGS && is_space(code) ? ' ' : substitute);
    else
      luaL_addlstring(&buffer, at, length);
    at += length > 0 ? length : 1;
  }
  luaL_pushresult(&buffer);
}

/*** Text without what could steer a terminal: control characters, those that
change the order of others, and bytes that are no UTF-8.
@param text string
@param substitute? string of one character, "?" when it is nil
@return string
@local */
int plain_clean(lua_State *L)
{
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  plain_push(L, text, size, luaL_optstring(L, 2, "?")[0], 0, 0);
  return 1;
}

/*** The same for a message or a log: of bounded length, without the user names
and passwords of the URLs in it, and without the values of queries and fragments
whose names say that they are secret (`token`, `api_key`, `signature`, ...).
@param text string
@return string
@local */
int plain_redact(lua_State *L)
{
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  plain_push(L, text, size, '?', PLAIN_MOST, PLAIN_LOGS);
  return 1;
}
