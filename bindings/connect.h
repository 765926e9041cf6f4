// Database URLs to drivers.
#pragma once

#include <memory>
#include <string>

#include "database_handle.h"
#include "molt/base/status.h"
#include "molt/db/pool.h"

namespace molt::bindings {

// InvalidQuery for a URL that is wrong, Unsupported for a kind of database that is not built in.
[[nodiscard]] Result<std::shared_ptr<db::Pool>> OpenPool(const std::string& url,
                                                         const ConnectOptions& options);

}  // namespace molt::bindings
