/* The one table from CURLcode to err.kind, printed in docs/errors.md. */
#include "error_private.h"
#include "fields.h"

#define ROW(name, kind, retryable)                \
  {                                               \
    CURLE_##name, "CURLE_" #name, kind, retryable \
  }

static const ErrorRow rows[] = {
  ROW(UNSUPPORTED_PROTOCOL, "policy", false),
  ROW(FAILED_INIT, "curl", false),
  ROW(URL_MALFORMAT, "url", false),
  ROW(NOT_BUILT_IN, "curl", false),
  ROW(COULDNT_RESOLVE_PROXY, "proxy", true),
  ROW(COULDNT_RESOLVE_HOST, "resolve", true),
  ROW(COULDNT_CONNECT, "connect", true),
  ROW(WEIRD_SERVER_REPLY, "protocol", false),
  ROW(REMOTE_ACCESS_DENIED, "curl", false),
  ROW(FTP_ACCEPT_FAILED, "connect", true),
  ROW(FTP_WEIRD_PASS_REPLY, "protocol", false),
  ROW(FTP_ACCEPT_TIMEOUT, "timeout", true),
  ROW(FTP_WEIRD_PASV_REPLY, "protocol", false),
  ROW(FTP_WEIRD_227_FORMAT, "protocol", false),
  ROW(FTP_CANT_GET_HOST, "resolve", true),
  ROW(HTTP2, "protocol", true),
  ROW(FTP_COULDNT_SET_TYPE, "curl", false),
  ROW(PARTIAL_FILE, "closed", true),
  ROW(FTP_COULDNT_RETR_FILE, "curl", false),
  ROW(QUOTE_ERROR, "curl", false),
  ROW(HTTP_RETURNED_ERROR, "status", false),
  ROW(WRITE_ERROR, "curl", false),
  ROW(UPLOAD_FAILED, "curl", false),
  ROW(READ_ERROR, "io", false),
  ROW(OUT_OF_MEMORY, "curl", false),
  ROW(OPERATION_TIMEDOUT, "timeout", true),
  ROW(FTP_PORT_FAILED, "curl", false),
  ROW(FTP_COULDNT_USE_REST, "curl", false),
  ROW(RANGE_ERROR, "protocol", false),
  ROW(HTTP_POST_ERROR, "curl", false),
  ROW(SSL_CONNECT_ERROR, "tls", false),
  ROW(BAD_DOWNLOAD_RESUME, "io", false),
  ROW(FILE_COULDNT_READ_FILE, "io", false),
  ROW(LDAP_CANNOT_BIND, "curl", false),
  ROW(LDAP_SEARCH_FAILED, "curl", false),
  ROW(FUNCTION_NOT_FOUND, "curl", false),
  ROW(ABORTED_BY_CALLBACK, "cancelled", false),
  ROW(BAD_FUNCTION_ARGUMENT, "curl", false),
  ROW(INTERFACE_FAILED, "connect", false),
  ROW(TOO_MANY_REDIRECTS, "redirect", false),
  ROW(UNKNOWN_OPTION, "curl", false),
  ROW(SETOPT_OPTION_SYNTAX, "curl", false),
  ROW(GOT_NOTHING, "closed", true),
  ROW(SSL_ENGINE_NOTFOUND, "tls", false),
  ROW(SSL_ENGINE_SETFAILED, "tls", false),
  ROW(SEND_ERROR, "closed", true),
  ROW(RECV_ERROR, "closed", true),
  ROW(SSL_CERTPROBLEM, "tls", false),
  ROW(SSL_CIPHER, "tls", false),
  ROW(PEER_FAILED_VERIFICATION, "tls", false),
  ROW(BAD_CONTENT_ENCODING, "protocol", false),
  ROW(FILESIZE_EXCEEDED, "too_large", false),
  ROW(USE_SSL_FAILED, "tls", false),
  ROW(SEND_FAIL_REWIND, "io", false),
  ROW(SSL_ENGINE_INITFAILED, "tls", false),
  ROW(LOGIN_DENIED, "curl", false),
  ROW(TFTP_NOTFOUND, "curl", false),
  ROW(TFTP_PERM, "curl", false),
  ROW(REMOTE_DISK_FULL, "curl", false),
  ROW(TFTP_ILLEGAL, "curl", false),
  ROW(TFTP_UNKNOWNID, "curl", false),
  ROW(REMOTE_FILE_EXISTS, "curl", false),
  ROW(TFTP_NOSUCHUSER, "curl", false),
  ROW(SSL_CACERT_BADFILE, "tls", false),
  ROW(REMOTE_FILE_NOT_FOUND, "curl", false),
  ROW(SSH, "curl", false),
  ROW(SSL_SHUTDOWN_FAILED, "tls", false),
  ROW(AGAIN, "curl", true),
  ROW(SSL_CRL_BADFILE, "tls", false),
  ROW(SSL_ISSUER_ERROR, "tls", false),
  ROW(FTP_PRET_FAILED, "curl", false),
  ROW(RTSP_CSEQ_ERROR, "protocol", false),
  ROW(RTSP_SESSION_ERROR, "protocol", false),
  ROW(FTP_BAD_FILE_LIST, "protocol", false),
  ROW(CHUNK_FAILED, "curl", false),
  ROW(NO_CONNECTION_AVAILABLE, "connect", true),
  ROW(SSL_PINNEDPUBKEYNOTMATCH, "tls", false),
  ROW(SSL_INVALIDCERTSTATUS, "tls", false),
  ROW(HTTP2_STREAM, "closed", true),
  ROW(RECURSIVE_API_CALL, "curl", false),
  ROW(AUTH_ERROR, "curl", false),
  ROW(HTTP3, "protocol", true),
  ROW(QUIC_CONNECT_ERROR, "connect", true),
  ROW(PROXY, "proxy", true),
  ROW(SSL_CLIENTCERT, "tls", false),
  /* Newer than the oldest header: by number. */
  { 99, "CURLE_UNRECOVERABLE_POLL", "curl", false },
  { ERROR_TOO_LARGE, "CURLE_TOO_LARGE", "too_large", false },
  { 101, "CURLE_ECH_REQUIRED", "tls", false },
};
const ErrorRow *error_row(CURLcode code)
{
  size_t i;
  for (i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].code == (int)code)
      return &rows[i];
  return NULL;
}

/*** The table from libcurl's codes to kinds, for documentation and tests.
@return list of {number=, code=, kind=, retryable=} */
int error_table(lua_State *L)
{
  size_t i;
  lua_createtable(L, (int)(sizeof rows / sizeof *rows), 0);
  for (i = 0; i < sizeof rows / sizeof *rows; i++) {
    lua_createtable(L, 0, 4);
    field_integer(L, "number", rows[i].code);
    field_string(L, "code", rows[i].name);
    field_string(L, "kind", rows[i].kind);
    field_boolean(L, "retryable", rows[i].retryable);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}
