/* JSON (RFC 8259), exact where Lua is: see docs/json.md for why it is ours. */
#pragma once

#include "compat.h"

/* Deeper values are refused: RFC 8259 9 allows it, and C's stack ends, too. */
#define JSON_DEPTH 1000

/* ---- Numbers ---- */

#define NUMBER_ROOM 32 /* for what number_print writes */

/* Writes a finite number: all digits when it is whole and below 10^21, else the
   shortest text that reads back. Returns the count of bytes; no zero byte. */
size_t number_print(char *to, double value);
size_t number_print_integer(char *to, int64_t value);

typedef struct Number {
  bool is_integer;
  int64_t integer;
  double real;
} Number;

/* Reads a number of JSON's grammar; NULL when none begins at `at`, else what is
   behind it. Out of range it is infinite. */
const char *number_read(const char *at, const char *end, Number *number);

/* core.number_text */
int number_text(lua_State *L);

/* ---- Text ---- */

/* The bytes of the character of UTF-8 that begins at `at`; 0 when none does. */
size_t json_character(const char *at, const char *end);

typedef enum JsonPut { JSON_PUT, JSON_NO_UTF8, JSON_NO_MEMORY } JsonPut;

struct Buffer;

/* Appends text with its quotation marks, and what may steer a terminal escaped. */
JsonPut json_put_string(struct Buffer *out, const char *text, size_t size);

/* Pushes the metatable that marks arrays. */
void json_push_mark(lua_State *L);

/* core.json_decode */
int json_decode(lua_State *L);

/* Adds json_encode, json_decode and json_array to the table on top: core. */
void json_open(lua_State *L);
