// The files that a report's page is put together from.
#pragma once

#include "coe/base/embedded_file.h"

#include <span>

namespace coe {

std::span<const EmbeddedFile> report_page_parts();

}  // namespace coe
