-- readings on their way in
COPY reading (source_row, datastream, time, value, quality) FROM STDIN
