"""Programs that do part of what Tailrace does, each tuned as far as it lets itself be, to compare with."""
