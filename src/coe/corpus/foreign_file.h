// Files that are no text of records, as data sets are published. It is private to corpus/.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <string_view>

namespace coe {

// Errors: kCorrupt, saying what the file is and how it becomes JSON Lines, where its first bytes
// show an archive, a table such as Parquet, a model, text in UTF-16, or a page instead of data.
Status refuse_foreign(std::string_view bytes, const Path& name);

}  // namespace coe
