/* What cannot be asked of libcurl: the versions that younger options came with,
   and which options make no sense from Lua. Neither list makes an option work
   or fail: they only say why. */
#include "options_private.h"

#include <strings.h>

/* Those after 7.81, the oldest that multisock is built for. */
static const struct {
  const char *name, *version;
} young[] = {
  { "ssh_hostkeyfunction", "7.84.0" },
  { "ssh_hostkeydata", "7.84.0" },
  { "protocols_str", "7.85.0" },
  { "redir_protocols_str", "7.85.0" },
  { "ws_options", "7.86.0" },
  { "ca_cache_timeout", "7.87.0" },
  { "quick_exit", "7.87.0" },
  { "haproxy_client_ip", "8.2.0" },
  { "mail_rcpt_allowfails", "8.2.0" },
  { "server_response_timeout_ms", "8.6.0" },
  { "ech", "8.8.0" },
  { "tcp_keepcnt", "8.9.0" },
  { "upload_flags", "8.13.0" },
  { "ssl_signature_algorithms", "8.14.0" },
};

const char *options_since(const char *name)
{
  size_t i;
  for (i = 0; i < sizeof young / sizeof *young; i++)
    if (strcasecmp(young[i].name, name) == 0)
      return young[i].version;
  return NULL;
}

#define DATA "is for the data of a C function; a Lua function keeps its own"
#define EBCDIC "has had no effect since libcurl 7.82"

/* By number: some are deprecated, and one is younger than a header may be. */
static const struct {
  int id;
  const char *reason;
} refused[] = {
  { CURLOPT_ERRORBUFFER, "is multisock's: err.message has its text" },
  { CURLOPTTYPE_OBJECTPOINT + 24 /* HTTPPOST */,
    "is for curl_formadd, which mimepost replaces" },
  { CURLOPTTYPE_FUNCTIONPOINT + 142 /* CONV_FROM_NETWORK_FUNCTION */, EBCDIC },
  { CURLOPTTYPE_FUNCTIONPOINT + 143 /* CONV_TO_NETWORK_FUNCTION */, EBCDIC },
  { CURLOPTTYPE_FUNCTIONPOINT + 144 /* CONV_FROM_UTF8_FUNCTION */, EBCDIC },
  { CURLOPT_CHUNK_DATA, DATA },
  { CURLOPT_CLOSESOCKETDATA, DATA },
  { CURLOPT_DEBUGDATA, DATA },
  { CURLOPT_FNMATCH_DATA, DATA },
  { CURLOPT_HSTSREADDATA, DATA },
  { CURLOPT_HSTSWRITEDATA, DATA },
  { CURLOPT_INTERLEAVEDATA, DATA },
  { CURLOPTTYPE_CBPOINT + 131 /* IOCTLDATA */, DATA },
  { CURLOPT_OPENSOCKETDATA, DATA },
  { CURLOPT_PREREQDATA, DATA },
  { CURLOPT_RESOLVER_START_DATA, DATA },
  { CURLOPT_SEEKDATA, DATA },
  { CURLOPT_SOCKOPTDATA, DATA },
  { CURLOPT_SSH_KEYDATA, DATA },
  { CURLOPTTYPE_CBPOINT + 317 /* SSH_HOSTKEYDATA */, DATA },
  { CURLOPT_SSL_CTX_DATA, DATA },
  { CURLOPT_TRAILERDATA, DATA },
  { CURLOPT_XFERINFODATA, DATA },
};

const char *options_reason(int id)
{
  size_t i;
  for (i = 0; i < sizeof refused / sizeof *refused; i++)
    if (refused[i].id == id)
      return refused[i].reason;
  return NULL;
}
