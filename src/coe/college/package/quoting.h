// Text of the user's and of files, as the formats of a package hold it: nothing in it can end a
// value, begin a key or become markup.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace coe {

// Refuses (kInvalidArgument) what is not one line of UTF-8 text without control characters. `what`
// begins the message: "--publisher".
Status check_line(std::string_view text, std::string_view what);

// A double-quoted scalar of YAML, for any bytes; what is no UTF-8 becomes U+FFFD.
std::string yaml_text(std::string_view text);

// One line of Markdown that reads as `text`, also in a cell of a table: marks are escaped, markup
// of HTML too, and line ends are blanks.
std::string markdown_text(std::string_view text);

// Between backquotes, for text that may hold some; for a cell of a table or for other text.
enum class InTable { kNo, kYes };
std::string markdown_code(std::string_view text, InTable in_table);

// A value of a Modelfile, quoted. Errors: kInvalidArgument for what Ollama's parser cannot hold: a
// line but the last that ends in three quotation marks, control characters other than tabs and
// newlines, bytes that are no UTF-8. `what` begins the message.
Result<std::string> modelfile_text(std::string_view text, std::string_view what);

// Characters of UTF-8 text that Ollama's parser leaves out without a word: all that Go does not
// count as printable, such as no-break spaces and joiners.
std::size_t count_dropped_by_ollama(std::string_view text);

// A name for files, folders and sections of presets: letters, digits, '.', '_' and '-' stay,
// anything else becomes one '-'; neither end is '-' or '.'. At most 80 bytes. Empty where nothing
// is left.
std::string file_slug(std::string_view text);

// "ORG/NAME", as the Hugging Face Hub names a repository.
bool is_hub_id(std::string_view text);

}  // namespace coe
