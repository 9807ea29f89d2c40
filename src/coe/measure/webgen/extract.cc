#include "coe/measure/webgen/extract.h"

#include "coe/base/lines.h"
#include "coe/base/text.h"
#include "coe/corpus/message/thinking.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <optional>

namespace coe {

namespace {

constexpr auto kNone = std::string_view::npos;

bool holds(std::string_view text, std::string_view part) {
  return lower_ascii(text).find(part) != kNone;
}

struct Fence {
  char mark = '`';
  std::size_t length = 0;
  std::string_view info;
};

// Up to three blanks, three or more marks; a backtick fence has no backtick behind it.
std::optional<Fence> fence_of(std::string_view line) {
  const auto first = line.find_first_not_of(' ');
  if (first == kNone || first > 3) return {};
  const char mark = line[first];
  if (mark != '`' && mark != '~') return {};
  auto end = line.find_first_not_of(mark, first);
  if (end == kNone) end = line.size();
  if (end - first < 3) return {};
  auto info = line.substr(end);
  if (mark == '`' && info.find('`') != kNone) return {};
  while (!info.empty() && std::isspace(static_cast<unsigned char>(info.front())) != 0)
    info.remove_prefix(1);
  while (!info.empty() && std::isspace(static_cast<unsigned char>(info.back())) != 0)
    info.remove_suffix(1);
  return Fence{mark, end - first, info};
}

bool is_page(std::string_view code) {
  return holds(code, "<!doctype html") || holds(code, "<html");
}

bool looks_like(const CodeBlock& block, WebFormat format) {
  const auto language = block.language.substr(0, block.language.find_first_of(" {:"));
  switch (format) {
    case WebFormat::kHtml:
      return is_page(block.code) || (language == "html" && holds(block.code, "<body"));
    case WebFormat::kJsx:
      return block.code.find("export default") != std::string::npos;
    case WebFormat::kVue:
      return holds(block.code, "<template") &&
             (language == "vue" || language == "html" || language.empty());
    case WebFormat::kSvelte:
      return language == "svelte" || language == "html" ||
             (language.empty() && block.code.find('<') != std::string::npos);
  }
  return false;
}

bool is_language(const CodeBlock& block, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, block.language) != names.end();
}

// Style and script that come in blocks of their own go where a page would have them.
std::string with_parts(std::string page, const std::vector<CodeBlock>& blocks) {
  const auto insert = [&](std::string_view before, const std::string& text) {
    const auto at = lower_ascii(page).rfind(before);
    page.insert(at == std::string::npos ? page.size() : at, text);
  };
  const bool has_style = holds(page, "<style");
  const bool has_script = holds(page, "<script>") || holds(page, "<script type=\"module\">");
  for (const auto& block : blocks) {
    if (!block.closed) continue;
    if (!has_style && is_language(block, {"css"}))
      insert("</head", "<style>\n" + block.code + "</style>\n");
    if (!has_script && is_language(block, {"js", "javascript"}))
      insert("</body", "<script>\n" + block.code + "</script>\n");
  }
  return page;
}

// Returns where a file begins that stands in the text without a fence.
std::size_t begin_of(std::string_view text, WebFormat format) {
  const auto found = lower_ascii(text);
  const auto first = [&](std::initializer_list<std::string_view> marks) {
    auto at = kNone;
    for (const auto mark : marks) at = std::min(at, found.find(mark));
    return at;
  };
  switch (format) {
    case WebFormat::kHtml:
      return first({"<!doctype html", "<html"});
    case WebFormat::kJsx:
      return found.find("export default") == kNone
                 ? kNone
                 : first({"import ", "export default", "const ", "function "});
    case WebFormat::kVue:
      return first({"<script setup", "<template"});
    case WebFormat::kSvelte:
      return first({"<script"});
  }
  return kNone;
}

Result<std::string> without_fences(std::string_view text, WebFormat format) {
  const auto begin = begin_of(text, format);
  if (begin == kNone) return fail(Code::kNotFound, "the answer holds no code");
  auto code = text.substr(begin);
  if (format != WebFormat::kHtml) return std::string(code);
  const auto end = lower_ascii(code).rfind("</html>");
  if (end == kNone) return fail(Code::kNotFound, "the page is cut off: it has no </html>");
  return std::string(code.substr(0, end + std::string_view("</html>").size()));
}

}  // namespace

std::vector<CodeBlock> code_blocks(std::string_view text) {
  std::vector<CodeBlock> blocks;
  std::optional<Fence> open;
  LineReader lines(text);
  while (const auto line = lines.next()) {
    const auto fence = fence_of(line->text);
    if (!open) {
      if (!fence) continue;
      open = fence;
      blocks.push_back({lower_ascii(fence->info), "", false});
    } else if (fence && fence->mark == open->mark && fence->length >= open->length &&
               fence->info.empty()) {
      blocks.back().closed = true;
      open.reset();
    } else {
      blocks.back().code += std::string(line->text) + '\n';
    }
  }
  return blocks;
}

Result<std::string> extract_answer(std::string_view answer, WebFormat format) {
  const std::array markers = {ThinkingMarkers{"<think>", "</think>"},
                              ThinkingMarkers{"<thinking>", "</thinking>"}};
  const auto text = split_thinking(answer, markers).content;
  const auto blocks = code_blocks(text);
  if (blocks.empty()) return without_fences(text, format);
  const CodeBlock* chosen = nullptr;
  for (const auto& block : blocks)
    if (block.closed && !block.code.empty() && looks_like(block, format)) chosen = &block;
  if (chosen == nullptr) {
    // A page that is whole although nothing closes its block is whole.
    const auto& last = blocks.back();
    if (!last.closed && format == WebFormat::kHtml && is_page(last.code) &&
        holds(last.code, "</html>"))
      chosen = &last;
    else if (!last.closed)
      return fail(Code::kNotFound, "the answer is cut off in the middle of its code");
  }
  if (chosen == nullptr)
    for (const auto& block : blocks)
      if (block.closed && !block.code.empty()) chosen = &block;
  if (chosen == nullptr) return fail(Code::kNotFound, "the answer's code blocks are empty");
  if (format == WebFormat::kHtml) return with_parts(chosen->code, blocks);
  return chosen->code;
}

}  // namespace coe
