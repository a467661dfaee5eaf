# Books that a small library lent, by month; the numbers are invented.
set terminal pngcairo size 448,336 font "DejaVu Sans,11"
set title "Books lent by month"
set ylabel "Books"
set style fill solid 0.9 border rgb "#204060"
set boxwidth 0.6
set grid ytics lc rgb "#dddddd"
set yrange [0:300]
set xtics nomirror
unset key
$lent << EOD
Jan 255
Feb 210
Mar 200
Apr 140
May 105
Jun 130
EOD
plot $lent using 0:2:xtic(1) with boxes lc rgb "#3b7dbd", "" using 0:($2 + 10):2 with labels
