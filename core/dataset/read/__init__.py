"""Reading any file record by record, in constant memory."""
