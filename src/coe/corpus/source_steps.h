// The kinds of sources share these steps. They are private to corpus/.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/pieces.h"
#include "coe/corpus/sources.h"
#include "coe/corpus/spec.h"

#include <string>
#include <string_view>
#include <vector>

namespace coe {

JsonMember string_member(std::string name, std::string_view value);
tl::unexpected<Error> cancelled(const SourceSpec& spec);
Status refuse_output(const SourceSpec& spec, const BuildContext& context, const Path& path);

// Returns the parts of a document that the limits on length leave.
std::vector<Piece> pieces_of(const SourceSpec& spec, std::string text, const std::string& name);

// Says whether the rules on fields let a record through. Errors: kCorrupt for a field that is no
// string.
Result<bool> fields_pass(const SourceSpec& spec, const std::vector<JsonMember>& members);

// Each of these reads the files and records of one kind of source: `kind` is `spec`'s own.
Result<SourceRecords> read_kind(const SourceSpec& spec, const JsonlSource& kind,
                                const BuildContext& context, Observer& observer);
Result<SourceRecords> read_kind(const SourceSpec& spec, const MmluProSource& kind,
                                const BuildContext& context, Observer& observer);
Result<SourceRecords> read_kind(const SourceSpec& spec, const FilesSource& kind,
                                const BuildContext& context, Observer& observer);
Result<SourceRecords> read_kind(const SourceSpec& spec, const ReasoningSource& kind,
                                const BuildContext& context, Observer& observer);

}  // namespace coe
