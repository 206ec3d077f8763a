/* Numbers as text, exactly: what is written reads back as the same number, and
   what is read is the nearest one. Beside JSON, queries, forms and headers write
   numbers so. */
#include "json.h"

#include <float.h>
#include <locale.h>
#include <math.h> /* macros, and what the compiler knows by itself */
#include <stdlib.h>
#include <string.h>

/* Up to here every whole number is a double. */
#define EXACT 9007199254740992.0 /* 2^53 */

/* Beyond, zeros say more than digits do: as JavaScript. */
#define WHOLE_MOST 1e21

/* All that are exact. */
static const double powers[] = {
  1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

#define POWERS ((int)(sizeof powers / sizeof *powers) - 1)

/* Whether a quotient of doubles is rounded once: not on the x87. */
#define ROUNDS_ONCE (FLT_EVAL_METHOD == 0)

/* ---- The point: C's functions write and read that of the locale ---- */

static const char *locale_point(void)
{
  const char *point = localeconv()->decimal_point;
  return point != NULL && *point != '\0' ? point : ".";
}

static void plain_point(char *text)
{
  const char *point = locale_point();
  size_t size = strlen(point);
  char *at = strcmp(point, ".") != 0 ? strstr(text, point) : NULL;
  if (at == NULL)
    return;
  *at = '.';
  memmove(at + 1, at + size, strlen(at + size) + 1);
}

/* strtod for text that is no string. */
static double read_slowly(const char *at, const char *end)
{
  char near[128];
  const char *point = locale_point();
  size_t size = (size_t)(end - at), extra = strlen(point);
  char *text = size + extra < sizeof near ? near : malloc(size + extra + 1);
  const char *dot = memchr(at, '.', size);
  size_t head = dot != NULL ? (size_t)(dot - at) : size;
  double value;
  if (text == NULL)
    return HUGE_VAL;
  memcpy(text, at, head);
  if (dot != NULL) {
    memcpy(text + head, point, extra);
    memcpy(text + head + extra, dot + 1, size - head - 1);
    size += extra - 1;
  }
  text[size] = '\0';
  value = strtod(text, NULL);
  if (text != near)
    free(text);
  return value;
}

/* ---- Writing ---- */

static size_t print_digits(char *to, uint64_t value)
{
  char digits[24];
  size_t count = 0, i;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  for (i = 0; i < count; i++)
    to[i] = digits[count - 1 - i];
  return count;
}

size_t number_print_integer(char *to, int64_t value)
{
  if (value >= 0)
    return print_digits(to, (uint64_t)value);
  *to = '-';
  return 1 + print_digits(to + 1, 0 - (uint64_t)value);
}

/* A few decimals, as most numbers that people write have: m / 10^k is rounded
   once, so when that is the number, its text is. 0 when it has more. */
static size_t print_decimals(char *to, double value)
{
  int places;
  if (!ROUNDS_ONCE || value < 1e-6)
    return 0;
  for (places = 1; places <= 6 && value * powers[places] < 1e15; places++) {
    uint64_t whole = (uint64_t)(value * powers[places] + 0.5);
    uint64_t unit = (uint64_t)powers[places];
    size_t size;
    int i;
    if ((double)whole / powers[places] != value)
      continue;
    size = print_digits(to, whole / unit);
    to[size++] = '.';
    for (i = places - 1; i >= 0; i--) {
      to[size + (size_t)i] = (char)('0' + whole % 10);
      whole /= 10;
    }
    return size + (size_t)places;
  }
  return 0;
}

static size_t print_shortest(char *to, double value)
{
  /* What reads back from 15 digits has no shorter text, for zeros at the end are
     left out; numbers next to 0 have fewer digits than that. */
  int precision = value < DBL_MIN ? 1 : DBL_DIG;
  while (true) {
    (void)snprintf(to, NUMBER_ROOM - 1, "%.*g", precision, value);
    if (precision >= 17 || strtod(to, NULL) == value)
      break;
    precision++;
  }
  plain_point(to);
  return strlen(to);
}

size_t number_print(char *to, double value)
{
  size_t sign = signbit(value) ? 1 : 0, size;
  if (sign == 1)
    *to++ = '-';
  value = fabs(value);
  if (value < EXACT && value == (double)(uint64_t)value)
    return sign + print_digits(to, (uint64_t)value);
  if (value >= EXACT && value < WHOLE_MOST)
    return sign + (size_t)snprintf(to, NUMBER_ROOM - 1, "%.0f", value);
  size = print_decimals(to, value);
  return sign + (size > 0 ? size : print_shortest(to, value));
}

/*** A number as it is sent: exact, and without ".0" when it is whole.
@param value number, finite
@return string; nil when it is not finite
@local */
int number_text(lua_State *L)
{
  char text[NUMBER_ROOM];
  lua_Number value = luaL_checknumber(L, 1);
#if LUA_VERSION_NUM >= 503
  if (lua_isinteger(L, 1)) {
    lua_pushlstring(L, text, number_print_integer(text, lua_tointeger(L, 1)));
    return 1;
  }
#endif
  if (isfinite(value))
    lua_pushlstring(L, text, number_print(text, value));
  else
    lua_pushnil(L);
  return 1;
}

/* ---- Reading ---- */

static bool is_digit(const char *at, const char *end)
{
  return at < end && *at >= '0' && *at <= '9';
}

typedef struct Decimal {
  uint64_t digits; /* the first 19 */
  int count, exponent;
  bool is_negative, is_whole;
} Decimal;

static const char *take_digits(const char *at, const char *end, Decimal *number)
{
  for (; is_digit(at, end); at++) {
    if (number->count < 19)
      number->digits = number->digits * 10 + (uint64_t)(*at - '0');
    if (number->count > 0 || *at != '0')
      number->count += number->count < 1000;
  }
  return at;
}

/* Only its size matters beyond a few digits. */
static const char *take_exponent(const char *at, const char *end, int *exponent)
{
  bool is_negative = false;
  int value = 0;
  if (at < end && (*at == '+' || *at == '-'))
    is_negative = *at++ == '-';
  if (!is_digit(at, end))
    return NULL;
  for (; is_digit(at, end); at++)
    if (value < 100000)
      value = value * 10 + (*at - '0');
  *exponent = is_negative ? -value : value;
  return at;
}

static const char *scan(const char *at, const char *end, Decimal *number)
{
  const char *point;
  memset(number, 0, sizeof *number);
  number->is_whole = true;
  if (at < end && *at == '-') {
    number->is_negative = true;
    at++;
  }
  if (!is_digit(at, end) || (*at == '0' && is_digit(at + 1, end)))
    return NULL;
  at = take_digits(at, end, number);
  if (at < end && *at == '.') {
    number->is_whole = false;
    point = ++at;
    at = take_digits(at, end, number);
    if (at == point)
      return NULL;
    number->exponent = at - point > 1000 ? -1000 : -(int)(at - point);
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    int exponent;
    number->is_whole = false;
    at = take_exponent(at + 1, end, &exponent);
    number->exponent += exponent;
  }
  return at;
}

/* Digits and power are exact, and so their product or quotient is rounded once. */
static bool read_quickly(const Decimal *number, double *value)
{
  if (!ROUNDS_ONCE || number->count > 15 || number->exponent > POWERS ||
      number->exponent < -POWERS)
    return false;
  *value = (double)number->digits;
  if (number->exponent < 0)
    *value /= powers[-number->exponent];
  else
    *value *= powers[number->exponent];
  if (number->is_negative)
    *value = -*value;
  return true;
}

/* "-0" is none: its sign would be lost. */
static bool read_integer(const Decimal *number, int64_t *value)
{
  uint64_t most = (uint64_t)INT64_MAX + number->is_negative;
  if (!number->is_whole || number->count > 19 || number->digits > most ||
      (number->is_negative && number->digits == 0))
    return false;
  *value = number->is_negative ? (int64_t)(0 - number->digits)
                               : (int64_t)number->digits;
  return true;
}

const char *number_read(const char *at, const char *end, Number *number)
{
  Decimal decimal;
  const char *behind = scan(at, end, &decimal);
  if (behind == NULL)
    return NULL;
  number->is_integer = read_integer(&decimal, &number->integer);
  if (number->is_integer)
    number->real = (double)number->integer;
  else if (!read_quickly(&decimal, &number->real))
    number->real = read_slowly(at, behind);
  return behind;
}
