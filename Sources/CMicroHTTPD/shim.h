// GNU libmicrohttpd as Swift can import it: the variadic calls with their arguments fixed, and the
// macros that Swift does not see as constants.
#ifndef HEBB_MICROHTTPD_SHIM_H
#define HEBB_MICROHTTPD_SHIM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/types.h>
#include <microhttpd.h>

// Leaves URLs as they came: a decoded "%2F" could not be told from a path separator.
static inline size_t hebb_mhd_keep_escapes(
    void *context, struct MHD_Connection *connection, char *text
) {
    (void)context;
    (void)connection;
    return strlen(text);
}

// Starts a daemon with one internal epoll thread that allows suspending connections.
// `context` is handed to every callback. Takes `listen_socket` over: MHD closes it.
// With `certificate` and `key` (PEM, read before it returns) it speaks TLS, 1.2 or later; else NULL.
static inline struct MHD_Daemon *hebb_mhd_start(
    int listen_socket, int is_ipv6, unsigned int connection_limit, size_t connection_memory_bytes,
    unsigned int idle_timeout_seconds, const char *certificate, const char *key, void *context,
    MHD_AccessHandlerCallback on_request,
    void *(*on_request_line)(void *, const char *, struct MHD_Connection *),
    MHD_RequestCompletedCallback on_completed, MHD_NotifyConnectionCallback on_connection
) {
    unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    if (is_ipv6) flags |= MHD_USE_IPv6;
    if (certificate) flags |= MHD_USE_TLS;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, context,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listen_socket,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_memory_bytes,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_timeout_seconds,
        MHD_OPTION_UNESCAPE_CALLBACK, hebb_mhd_keep_escapes, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, on_request_line, context,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, context,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, context,
        MHD_OPTION_ARRAY, certificate ? tls : &tls[3],
        MHD_OPTION_END);
}

static inline int hebb_mhd_has_tls(void) {
    return MHD_is_feature_supported(MHD_FEATURE_TLS) == MHD_YES;
}

// The connection's socket, -1 when MHD has none.
static inline int hebb_mhd_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? (int)info->connect_fd : -1;
}

// What the connection callback stored for this connection.
static inline void *hebb_mhd_socket_context(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static inline uint64_t hebb_mhd_size_unknown(void) { return MHD_SIZE_UNKNOWN; }
static inline ssize_t hebb_mhd_end_of_stream(void) { return MHD_CONTENT_READER_END_OF_STREAM; }
static inline ssize_t hebb_mhd_end_with_error(void) { return MHD_CONTENT_READER_END_WITH_ERROR; }

#endif
