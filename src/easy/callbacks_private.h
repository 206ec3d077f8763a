/* What callbacks.c, which knows how a Lua function is called, and the files
   with the trampolines (those of mimes are in mime_body.c) share. */
#pragma once

#include "callbacks.h"

typedef void (*AnyFunction)(void);

/* By number, because a header may be older than the libcurl that runs. */
typedef struct CallbackRow {
  int function, data;
  AnyFunction trampoline;
} CallbackRow;

/* One list for each file of trampolines, ended by a row of zeros. */
extern const CallbackRow callbacks_data_rows[];
extern const CallbackRow callbacks_progress_rows[];
extern const CallbackRow callbacks_connect_rows[];
extern const CallbackRow callbacks_ftp_rows[];
extern const CallbackRow callbacks_hsts_rows[];

/* Deprecated, or younger than a header may be. */
#define OPTION_PROGRESSFUNCTION (CURLOPTTYPE_FUNCTIONPOINT + 56)
#define OPTION_IOCTLFUNCTION (CURLOPTTYPE_FUNCTIONPOINT + 130)
#define OPTION_IOCTLDATA (CURLOPTTYPE_CBPOINT + 131)
#define OPTION_SSH_HOSTKEYFUNCTION (CURLOPTTYPE_FUNCTIONPOINT + 316)
#define OPTION_SSH_HOSTKEYDATA (CURLOPTTYPE_CBPOINT + 317)

/* Runs `body` under pcall on the callbacks' thread, with `call` as a light
   userdata at index 1 and the user's function for this option at index 2;
   what it raises ends the transfer. False when it raised, when the handle was
   closed in it, or when it must not run: then the transfer is to be ended. */
bool callbacks_run(Easy *easy, int option, lua_CFunction body, void *call);

/* The second half of it, for functions that are kept elsewhere: on top of the
   stack are callbacks_on_error, `body`, `call` and the user's function, which
   are popped. */
bool callbacks_call(lua_State *L, Easy *easy);

/* The message handler of every callback: keeps the traceback. */
int callbacks_on_error(lua_State *L);

/* For a body: the result on top of the stack, popped, as one of libcurl's
   codes. nil and true: 0; false: `refuse`; an integer: itself; anything else
   raises. */
int callbacks_code(lua_State *L, const char *name, int refuse);

/* Raises what `name` should have returned; the result is on top. */
int callbacks_refuse(lua_State *L, const char *name, const char *expected);

/* Where a read function's bytes go. */
typedef struct CallbacksRoom {
  char *bytes;
  size_t room;
  size_t size; /* or what libcurl's read callbacks return */
} CallbacksRoom;

/* For a body: calls the read function on top of the stack, which is popped,
   and takes what it returned; raises what is none of that. */
void callbacks_read(lua_State *L, const char *name, CallbacksRoom *call);

typedef struct CallbacksSeek {
  curl_off_t offset;
  int origin;
  int result; /* CURL_SEEKFUNC_... */
} CallbacksSeek;

/* The body of a seek function; `call` is a CallbacksSeek. */
int callbacks_seek_body(lua_State *L);

/* In place of libcurl's own write function: bytes that nobody wants. */
size_t callbacks_drop(char *bytes, size_t one, size_t size, void *data);

/* The two parts of callbacks_prepare. */
void callbacks_prepare_sockets(lua_State *L, Easy *easy, int self, int owner);
void callbacks_renew_wildcard(lua_State *L, Easy *easy, int self);

/* Sets the socket options of a handle to libcurl's own functions again. */
void callbacks_reset_sockets(lua_State *L, Easy *easy, int values);
